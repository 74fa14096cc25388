"""Which shards share a searcher process. Pure."""

import math
from collections.abc import Iterable, Sequence

from services.snapshot.manifest import ShardEntry
from services.snapshot.sizes import SMALL_SHARD_BYTES, SMALL_SHARDS_TOGETHER, file_bytes

# What a searcher takes before it has loaded a single vector: Python, gRPC, FAISS and Arrow.
SEARCHER_BYTES = 150_000_000
# The rest is for Triton, the gateway, the indexes and whatever else runs on this machine.
_SHARE_FOR_SEARCHERS = 0.5

Packed = tuple[tuple[str, ...], ...]
"""The slugs that each searcher serves, in order."""


def pack_for_machine(shards: Sequence[ShardEntry], cores: int, available_bytes: int) -> Packed:
    """Return the slugs that each searcher serves where nobody says how many share one.

    Args:
        shards: of one snapshot; the baseline index, when there is one, gets a searcher of its own.
        cores: that processes may use, at least 1.
        available_bytes: memory that is free on this machine.

    Large shards have a searcher each, so that a fault costs one category. Small ones share as many searchers as there
    are cores, for no more can search at once, and waking up one more process costs more than searching such a shard
    (docs/benchmarks); or more, where one would have over `SMALL_SHARDS_TOGETHER`. Where memory is short, first the
    small ones share fewer searchers, down to one; where that does not do either, shards of all sizes share what it
    affords.
    """
    categories = [shard for shard in shards if not shard.baseline]
    large = [shard for shard in categories if file_bytes([shard]) >= SMALL_SHARD_BYTES]
    small = [shard for shard in categories if file_bytes([shard]) < SMALL_SHARD_BYTES]
    affordable = max(1, int(available_bytes * _SHARE_FOR_SEARCHERS) // SEARCHER_BYTES)
    if affordable <= len(large):
        return _slugs(_spread(categories, affordable), shards)
    for_small = min(len(small), max(cores, -(-len(small) // SMALL_SHARDS_TOGETHER)), affordable - len(large))
    together = max(SMALL_SHARDS_TOGETHER, -(-len(small) // max(1, for_small)))
    return _slugs([*([shard] for shard in large), *_spread(small, for_small, together)], shards)


def pack(shards: Sequence[ShardEntry], per_searcher: int) -> Packed:
    """Return the slugs that each searcher serves where so many share one, whatever their size.

    Args:
        shards: of one snapshot; the baseline index, when there is one, gets a searcher of its own.
        per_searcher: shards of categories per searcher at most, at least 1.
    """
    categories = [shard for shard in shards if not shard.baseline]
    return _slugs(_spread(categories, -(-len(categories) // per_searcher), per_searcher), shards)


def _spread(shards: Iterable[ShardEntry], searchers: int, together: float = math.inf) -> Sequence[Sequence[ShardEntry]]:
    """Return the shards of each of so many searchers, none of which has more than `together`.

    Big shards are spread first, each to the searcher with the fewest images so far, so that no searcher has them all.
    """
    packed: list[list[ShardEntry]] = [[] for _ in range(searchers)]
    for shard in sorted(shards, key=lambda shard: (-shard.images, shard.slug)):
        room = (searcher for searcher in packed if len(searcher) < together)
        min(room, key=lambda searcher: sum(each.images for each in searcher)).append(shard)
    return packed


def _slugs(packed: Iterable[Sequence[ShardEntry]], shards: Iterable[ShardEntry]) -> Packed:
    baseline = tuple((shard.slug,) for shard in shards if shard.baseline)
    return (*(tuple(sorted(shard.slug for shard in searcher)) for searcher in packed), *baseline)
