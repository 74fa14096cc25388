"""Objects as rules look at them: the pods of every workload, and what selects them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.kubernetes.findings import Object, where
from services.kubernetes.objects import SHARDS_ANNOTATION

_TEMPLATES: Final[Mapping[str, Sequence[str]]] = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
WORKLOADS: Final = frozenset(_TEMPLATES)
"""Kinds that make pods."""
SERVERS: Final = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that makes pods.

    Attributes:
        source: the object.
        labels: of its pods.
        annotations: of its pods.
        pod: its pods' specification.
    """

    source: Object
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    pod: Object

    @property
    def where(self) -> str:
        """What it is called in findings."""
        return where(self.source)

    @property
    def namespace(self) -> str:
        """Where it is; empty where its overlay leaves that to whoever applies it."""
        return str(self.source["metadata"].get("namespace", ""))

    @property
    def serves(self) -> bool:
        """Whether it runs on and on and answers; a job does not."""
        return self.source["kind"] in SERVERS

    @property
    def shards(self) -> Sequence[str]:
        """The slugs of the shards that it says to serve; none for what is no searcher."""
        annotations = self.source["metadata"].get("annotations", {})
        return [slug for slug in annotations.get(SHARDS_ANNOTATION, "").split(",") if slug]

    @property
    def devices(self) -> Sequence[str]:
        """The resources that only some nodes have, and few of each, such as `nvidia.com/gpu`."""
        limits = (container.get("resources", {}).get("limits", {}) for container in self.all_containers)
        return sorted({name for each in limits for name in each if "/" in name})

    @property
    def containers(self) -> Sequence[Object]:
        """The containers that run after the start."""
        return self.pod["containers"] if self.pod else ()

    @property
    def all_containers(self) -> Sequence[Object]:
        """Those of the start, too."""
        return [*self.pod.get("initContainers", ()), *self.containers]

    def ports(self) -> Iterator[tuple[str, int]]:
        """Yield name and number of each declared port; its number is the name of one that has none."""
        for container in self.containers:
            for port in container.get("ports", ()):
                yield port.get("name", str(port["containerPort"])), port["containerPort"]

    def port_number(self, port: str | int) -> int | None:
        """Return the number of a port that is given by name or number; None when it is not declared."""
        return next((number for name, number in self.ports() if port in {name, number}), None)


def workloads(objects: Sequence[Object]) -> Sequence[Workload]:
    """Return everything that makes pods."""
    found = []
    for each in objects:
        path = _TEMPLATES.get(each.get("kind", ""))
        if path is not None:
            template: Any = each
            for step in path:
                template = template.get(step, {})
            metadata = template.get("metadata", {})
            told = metadata.get("labels", {}), metadata.get("annotations", {})
            found.append(Workload(each, *told, template.get("spec", {})))
    return found


def pause_seconds(container: Object) -> int:
    """Return for how long a container that is to end goes on as before, by its preStop."""
    return int(container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0))


def shards_served(objects: Sequence[Object]) -> Mapping[str, str]:
    """Return the workload that serves each shard, by the shard's slug, as the workloads say of themselves."""
    return {slug: workload.source["metadata"]["name"] for workload in workloads(objects) for slug in workload.shards}


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [each for each in objects if each.get("kind") in kinds]


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector (`matchLabels`, `matchExpressions`) fits some labels; an empty one fits all."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(_fits(expression, labels) for expression in selector.get("matchExpressions", ()))


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values", ())
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
