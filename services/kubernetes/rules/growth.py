"""What a snapshot has outgrown since its searchers were rendered: memory, cache, the shards they serve. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from services.kubernetes.findings import Finding, Object
from services.kubernetes.flows import snapshots_are_remote
from services.kubernetes.objects import CACHE
from services.kubernetes.quantities import MEBIBYTE, amount
from services.kubernetes.sizing import GENERATIONS, NEAR_SHARE, file_bytes, need_of
from services.kubernetes.workloads import Workload, shards_served, workloads
from services.snapshot.manifest import Manifest, ShardEntry

_RULE: Final = "growth"


def findings(objects: Sequence[Object], manifest: Manifest) -> Iterator[Finding]:
    """Yield what has to be rendered again for a snapshot, and, as warnings, what soon has to be.

    Args:
        objects: of an overlay.
        manifest: the snapshot's that its searchers follow.
    """
    shards = {shard.slug: shard for shard in manifest.shards}
    for workload in workloads(objects):
        yield from _of_shards(workload, shards)
        served = [shards[slug] for slug in workload.shards if slug in shards]
        yield from _of_memory(workload, served)
        if snapshots_are_remote(objects):
            yield from _of_cache(workload, served)
    somewhere = shards_served(objects)
    for shard in manifest.category_shards:
        if shard.slug not in somewhere:
            yield Finding("ConfigMap/shard-map", _RULE, f"shard {shard.slug} is served by no searcher: render again")


def _of_shards(workload: Workload, shards: Mapping[str, ShardEntry]) -> Iterator[Finding]:
    for slug in workload.shards:
        if slug not in shards:
            message = f"the snapshot has no shard {slug} any more: render again"
            yield Finding(workload.where, _RULE, message, is_warning=True)


def _of_memory(workload: Workload, served: Sequence[ShardEntry]) -> Iterator[Finding]:
    limits = workload.containers[0].get("resources", {}).get("limits", {}) if served else {}
    if "memory" in limits:
        taken = need_of(served, int(amount(limits.get("cpu", 1)))).taken_bytes
        yield from _of_room(workload, taken, limits["memory"], "memory")


def _of_cache(workload: Workload, served: Sequence[ShardEntry]) -> Iterator[Finding]:
    """Yield a cache that a kubelet would soon evict all replicas for, whatever their budget says."""
    for volume in workload.pod.get("volumes", ()):
        if volume["name"] == CACHE and "sizeLimit" in volume.get("emptyDir", {}):
            taken = GENERATIONS * file_bytes(served)
            yield from _of_room(workload, taken, volume["emptyDir"]["sizeLimit"], "cache")


def _of_room(workload: Workload, taken_bytes: int, room: str, what: str) -> Iterator[Finding]:
    if taken_bytes > NEAR_SHARE * amount(room):
        share = f"two snapshots take {taken_bytes / MEBIBYTE:,.0f}Mi, and its {what} has {room}"
        message = f"{share}: render again, and apply"
        yield Finding(workload.where, _RULE, message, is_warning=taken_bytes <= amount(room))
