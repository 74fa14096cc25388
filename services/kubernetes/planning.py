"""From a snapshot's manifest and an overlay's wishes to searchers: who serves what, and with how much. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from services.common.errors import SettingsInvalid, SnapshotInvalid
from services.kubernetes.names import pack_name, searcher_name
from services.kubernetes.packing import pack
from services.kubernetes.quantities import amount, memory_words
from services.kubernetes.sizing import Need, need_of
from services.kubernetes.wishes import FILE, Replicas, Wishes
from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.sizes import file_bytes

MOST_CATEGORIES: Final = 256
"""An answer may have to ask every shard: with hundreds of them, one is always slow or restarting."""
SEARCHER_PORT: Final = 50052


@dataclass(frozen=True, slots=True)
class SearcherPlan:
    """A searcher: one Deployment and what belongs to it.

    Attributes:
        name: of its objects.
        slugs: the shards that it serves, in order.
        memory_bytes: of each replica.
        need: what each replica needs at least.
        cores: of each replica.
        replicas: how many.
    """

    name: str
    slugs: Sequence[str]
    memory_bytes: int
    need: Need
    cores: int
    replicas: Replicas


def plan_searchers(manifest: Manifest, wishes: Wishes) -> Sequence[SearcherPlan]:
    """Return the searchers of a snapshot, by name.

    Raises:
        SnapshotInvalid: there are too many categories; that each can have a name, the manifest has seen to.
        SettingsInvalid: less memory is asked for than the shards need, or an exception is about no shard.
    """
    categories = len(manifest.category_shards)
    if categories > MOST_CATEGORIES:
        raise SnapshotInvalid(
            f"snapshot {manifest.snapshot_id} has {categories} categories, and a cluster serves {MOST_CATEGORIES} at "
            "most: index by a higher level of the shop's hierarchy (its top-level categories)",
            field="shards",
        )
    shards = [shard for shard in manifest.shards if wishes.baseline or not shard.baseline]
    wishes.check_slugs([shard.slug for shard in shards])
    small = [shard for shard in shards if _is_small(shard, wishes)]
    alone = [shard for shard in shards if shard not in small]
    packs = pack(small, lambda together: _fits(together, wishes))
    return sorted(
        (
            *(_planned(searcher_name(shard), (shard,), wishes, shard.slug) for shard in alone),
            *(_planned(pack_name(bits), together, wishes, None) for bits, together in packs.items()),
        ),
        key=lambda searcher: searcher.name,
    )


def shard_map(searchers: Sequence[SearcherPlan]) -> Mapping[str, Sequence[str]]:
    """Return the gateway's shard map: per slug the name and port of the Service that finds its searchers.

    Names are short, so that the map fits any namespace: searchers are in the gateway's own.
    """
    return dict(sorted((slug, [f"{each.name}:{SEARCHER_PORT}"]) for each in searchers for slug in each.slugs))


def _is_small(shard: ShardEntry, wishes: Wishes) -> bool:
    return not shard.baseline and shard.slug not in wishes.shards and file_bytes([shard]) < amount(wishes.packs.below)


def _fits(together: Sequence[ShardEntry], wishes: Wishes) -> bool:
    return len(together) <= wishes.packs.shards and need_of(together).memory_bytes <= amount(wishes.packs.memory)


def _planned(name: str, shards: Sequence[ShardEntry], wishes: Wishes, slug: str | None) -> SearcherPlan:
    asked = wishes.of(slug)
    need = need_of(shards, asked.cores)
    memory = need.memory_bytes if asked.memory is None else int(amount(asked.memory))
    if memory < need.memory_bytes:
        of_what = (
            f"shard {slug} needs" if slug is not None else f"shards {', '.join(each.slug for each in shards)} need"
        )
        raise SettingsInvalid(
            f"{FILE}: searcher {name} is to have {asked.memory}, but {of_what} {memory_words(need.memory_bytes)} "
            f"({sum(shard.images for shard in shards):,} images, two snapshots at a time): ask for that, or for none",
            field="memory",
        )
    return SearcherPlan(
        name=name,
        slugs=tuple(shard.slug for shard in shards),
        memory_bytes=memory,
        need=need,
        cores=need.cores,
        replicas=asked.replicas or wishes.replicas,
    )
