"""What a snapshot has outgrown since its searchers were rendered: memory, cache, the shards they serve. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from services.kubernetes.findings import Finding, Object
from services.kubernetes.flows import snapshots_are_remote
from services.kubernetes.objects import CACHE
from services.kubernetes.quantities import MEBIBYTE, amount
from services.kubernetes.sizing import GENERATIONS, NEAR_SHARE, need_of
from services.kubernetes.workloads import Workload, shards_served, workloads
from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.sizes import file_bytes

_RULE: Final = "growth"


@dataclass(frozen=True, slots=True)
class Room:
    """What a searcher has for its shards.

    Attributes:
        workload: the searcher.
        what: its memory or its cache, by that word.
        size: of it, as the object says it.
        taken_bytes: of it, by two snapshots of the shards that the searcher serves.
    """

    workload: Workload
    what: str
    size: str
    taken_bytes: int

    @property
    def share(self) -> float:
        """The part of it that is taken; above 1, it is not enough."""
        return self.taken_bytes / max(1, amount(self.size))  # 0 is an amount, too


def findings(objects: Sequence[Object], manifest: Manifest) -> Iterator[Finding]:
    """Yield what has to be rendered again for a snapshot, and, as warnings, what soon has to be.

    Args:
        objects: of an overlay.
        manifest: the snapshot's that its searchers follow.
    """
    known = {shard.slug for shard in manifest.shards}
    for workload in workloads(objects):
        for slug in workload.shards:
            if slug not in known:
                message = f"the snapshot has no shard {slug} any more: render again"
                yield Finding(workload.where, _RULE, message, is_warning=True)
    for room in tight_rooms(objects, manifest):
        has = f"two snapshots take {room.taken_bytes / MEBIBYTE:,.0f}Mi, and its {room.what} has {room.size}"
        yield Finding(room.workload.where, _RULE, f"{has}: render again, and apply", is_warning=room.share <= 1)
    somewhere = shards_served(objects)
    for shard in manifest.category_shards:
        if shard.slug not in somewhere:
            yield Finding("ConfigMap/shard-map", _RULE, f"shard {shard.slug} is served by no searcher: render again")


def tight_rooms(objects: Sequence[Object], manifest: Manifest) -> Iterator[Room]:
    """Yield the memories and caches that a snapshot fills, or more than that.

    Args:
        objects: searchers, with whatever else there is; only with the root of the snapshots are caches looked at.
        manifest: the snapshot's that these searchers follow.
    """
    shards = {shard.slug: shard for shard in manifest.shards}
    are_fetched = snapshots_are_remote(objects)
    for workload in workloads(objects):
        served = [shards[slug] for slug in workload.shards if slug in shards]
        rooms = [*_memory(workload, served), *(_cache(workload, served) if are_fetched else ())]
        yield from (room for room in rooms if room.share > NEAR_SHARE)


def _memory(workload: Workload, served: Sequence[ShardEntry]) -> Iterator[Room]:
    limits = workload.containers[0].get("resources", {}).get("limits", {}) if served else {}
    if "memory" in limits:
        taken = need_of(served, int(amount(limits.get("cpu", 1)))).taken_bytes
        yield Room(workload, "memory", limits["memory"], taken)


def _cache(workload: Workload, served: Sequence[ShardEntry]) -> Iterator[Room]:
    """Yield a cache, which a kubelet evicts all replicas for when it is full, whatever their budget says."""
    for volume in workload.pod.get("volumes", ()):
        if volume["name"] == CACHE and "sizeLimit" in volume.get("emptyDir", {}):
            yield Room(workload, "cache", volume["emptyDir"]["sizeLimit"], GENERATIONS * file_bytes(served))
