"""The objects of one searcher: the template with what differs filled in. Pure but for reading the template."""

from copy import deepcopy
from functools import cache
from importlib.resources import files

import yaml

from services.kubernetes.findings import Object
from services.kubernetes.planning import SearcherPlan
from services.kubernetes.quantities import memory_words
from services.kubernetes.wishes import Replicas

SHARDS_ANNOTATION = "aisle/shards"
NEED_ANNOTATION = "aisle/needs-memory"
CACHE = "cache"
"""The volume of files that were fetched from object storage."""
_BUSY_SHARE = 0.6
"""Of a searcher's threads, on average over time: one search per core at a time, the rest is for peaks."""
_OTHER_DISK_BYTES = 256 * 2**20
"""Logs and scratch files."""


def searcher_objects(searcher: SearcherPlan, image: str) -> tuple[Object, ...]:
    """Return a searcher's Deployment, headless Service, PodDisruptionBudget and HorizontalPodAutoscaler."""
    deployment, service, budget, autoscaler = deepcopy(_template())
    chosen = {"app.kubernetes.io/name": "searcher", "app.kubernetes.io/instance": searcher.name}
    for each in (deployment, service, budget, autoscaler):
        each["metadata"] |= {"name": searcher.name, "labels": _labels(chosen)}
    _fill_deployment(deployment, searcher, image, chosen)
    service["spec"]["selector"] = dict(chosen)
    budget["spec"]["maxUnavailable"] = _may_be_away(searcher.replicas)
    budget["spec"]["selector"]["matchLabels"] = dict(chosen)
    _fill_autoscaler(autoscaler["spec"], searcher)
    return deployment, service, budget, autoscaler


@cache
def _template() -> tuple[Object, ...]:
    text = files(__package__).joinpath("templates/searcher.yaml").read_text(encoding="utf-8")
    return tuple(yaml.safe_load_all(text))


def _labels(chosen: dict[str, str]) -> dict[str, str]:
    return {**chosen, "app.kubernetes.io/part-of": "aisle"}


def _fill_deployment(deployment: Object, searcher: SearcherPlan, image: str, chosen: dict[str, str]) -> None:
    deployment["metadata"]["annotations"] = {
        SHARDS_ANNOTATION: ",".join(searcher.slugs),
        NEED_ANNOTATION: memory_words(searcher.need.memory_bytes),
    }
    spec = deployment["spec"]
    spec["selector"]["matchLabels"] = dict(chosen)
    spec["template"]["metadata"]["labels"] = _labels(chosen)
    pod = spec["template"]["spec"]
    (near,) = pod["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    near["podAffinityTerm"]["labelSelector"]["matchLabels"] = dict(chosen)
    (spread,) = pod["topologySpreadConstraints"]
    spread["labelSelector"]["matchLabels"] = dict(chosen)
    (container,) = pod["containers"]
    container["image"] = image
    container["args"] = ["--shards", ",".join(searcher.slugs)]
    cache_words = memory_words(searcher.need.cache_bytes)
    resources = {
        "cpu": str(searcher.cores),
        "memory": memory_words(searcher.memory_bytes),
        "ephemeral-storage": memory_words(searcher.need.cache_bytes + _OTHER_DISK_BYTES),
    }
    container["resources"] = {"requests": dict(resources), "limits": dict(resources)}
    next(volume for volume in pod["volumes"] if volume["name"] == CACHE)["emptyDir"]["sizeLimit"] = cache_words


def _fill_autoscaler(spec: Object, searcher: SearcherPlan) -> None:
    spec["scaleTargetRef"]["name"] = searcher.name
    spec["minReplicas"], spec["maxReplicas"] = searcher.replicas.least, searcher.replicas.most
    in_flight = next(metric["pods"] for metric in spec["metrics"] if metric["type"] == "Pods")
    in_flight["target"]["averageValue"] = f"{int(1000 * _BUSY_SHARE * searcher.cores)}m"


def _may_be_away(replicas: Replicas) -> int:
    """Return how many may be evicted at a time: none when there is only one."""
    return 1 if replicas.least > 1 else 0
