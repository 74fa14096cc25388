"""Objects as rules look at them: the pods of every workload, and what selects them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.kubernetes.findings import Object, where

_TEMPLATES: Final = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
SERVERS: Final = ("Deployment", "StatefulSet", "DaemonSet")


@dataclass(frozen=True, slots=True)
class Workload:
    """Something that makes pods.

    Attributes:
        source: the object.
        labels: of its pods.
        pod: its pods' specification.
    """

    source: Object
    labels: Mapping[str, str]
    pod: Object

    @property
    def where(self) -> str:
        """What it is called in findings."""
        return where(self.source)

    @property
    def serves(self) -> bool:
        """Whether it runs on and on and answers; a job does not."""
        return self.source["kind"] in SERVERS

    @property
    def containers(self) -> Sequence[Object]:
        """The containers that run after the start."""
        return self.pod.get("containers") or ()

    @property
    def all_containers(self) -> Sequence[Object]:
        """Those of the start, too."""
        return [*(self.pod.get("initContainers") or ()), *self.containers]

    def ports(self) -> Iterator[tuple[str, int]]:
        """Yield name and number of each declared port."""
        for container in self.containers:
            for port in container.get("ports") or ():
                yield port.get("name", ""), port["containerPort"]

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
                template = template.get(step) or {}
            labels = (template.get("metadata") or {}).get("labels") or {}
            found.append(Workload(each, labels, template.get("spec") or {}))
    return found


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [each for each in objects if each.get("kind") in kinds]


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector (`matchLabels`, `matchExpressions`) fits some labels; an empty one fits all."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_fits(expression, labels) for expression in selector.get("matchExpressions") or ())


def _fits(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
