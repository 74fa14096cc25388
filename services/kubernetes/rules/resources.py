"""Enough for each pod and no more than it asks for: requests are limits, cores are whole, threads follow. Pure."""

from collections.abc import Iterator, Sequence
from typing import Final

from services.common.errors import SettingsInvalid
from services.kubernetes.findings import Finding, Object
from services.kubernetes.objects import NEED_ANNOTATION, SHARDS_ANNOTATION
from services.kubernetes.quantities import amount
from services.kubernetes.workloads import Workload, workloads

_RULE: Final = "resources"
_NEEDED: Final = ("cpu", "memory", "ephemeral-storage")
_THREADS: Final = {
    "gateway": "AISLE_GATEWAY_DECODE_THREADS",
    "searcher": "AISLE_SEARCHER_SEARCH_THREADS",
    "indexer": "AISLE_INDEXER_DECODE_THREADS",
}
"""Of containers by name: the setting that says how many threads compute."""


def findings(objects: Sequence[Object]) -> Iterator[Finding]:
    """Yield what would be throttled, evicted or killed for memory."""
    for workload in workloads(objects):
        for message in (*_of_containers(workload), *_of_volumes(workload), *_of_memory(workload)):
            yield Finding(workload.where, _RULE, message)


def _of_containers(workload: Workload) -> Iterator[str]:
    for container in workload.all_containers:
        name, resources = container["name"], container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        for resource in _NEEDED:
            if resource not in limits:
                yield f"container {name}: no limit of {resource}"
        for resource in sorted(requests.keys() | limits.keys()):
            asked, most = requests.get(resource, 0), limits.get(resource, 0)
            if amount(asked) != amount(most):
                yield f"container {name}: {resource} is {asked} asked for and {most} at most: let them be equal"
        cores = amount(limits.get("cpu", 1))
        if cores != int(cores):
            yield f"container {name}: {limits['cpu']} cores: FAISS and ONNX Runtime need whole ones"
        threads = _THREADS.get(name)
        if threads is not None and not _follows_limit(container, threads):
            yield f"container {name}: {threads} does not come from limits.cpu"


def _follows_limit(container: Object, variable: str) -> bool:
    for each in container.get("env", ()):
        if each["name"] == variable:
            source = each.get("valueFrom", {}).get("resourceFieldRef", {})
            return source.get("resource") == "limits.cpu" and str(source.get("divisor")) == "1"
    return False


def _of_volumes(workload: Workload) -> Iterator[str]:
    for volume in workload.pod.get("volumes", ()):
        is_scratch = "emptyDir" in volume or volume.keys() == {"name"}  # a volume of no kind becomes an emptyDir
        if is_scratch and "sizeLimit" not in volume.get("emptyDir", {}):
            yield f"volume {volume['name']}: an emptyDir without sizeLimit may fill the node's disk"


def _of_memory(workload: Workload) -> Iterator[str]:
    annotations = workload.source["metadata"].get("annotations", {})
    need = annotations.get(NEED_ANNOTATION)
    if need is None:
        return
    try:
        needed = amount(need)
    except SettingsInvalid as invalid:
        yield f"annotation {NEED_ANNOTATION}: {invalid.message}"
        return
    for container in workload.containers:
        given = container.get("resources", {}).get("limits", {}).get("memory", 0)
        if amount(given) < needed:
            yield (
                f"container {container['name']}: {given} of memory, but its shards "
                f"({annotations.get(SHARDS_ANNOTATION)}) need {need}: ask for that, or take the patch out"
            )
