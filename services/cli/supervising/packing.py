"""Which shards share a searcher process. Pure."""

from collections.abc import Sequence

from services.snapshot.manifest import ShardEntry

# What a searcher takes before it has loaded a single vector: Python, gRPC, FAISS and Arrow.
SEARCHER_BYTES = 150_000_000
# The rest is for Triton, the gateway, the indexes and whatever else runs on this machine.
_SHARE_FOR_SEARCHERS = 0.5


def shards_per_searcher(category_shards: int, available_bytes: int) -> int:
    """Return how many shards share a searcher: 1 where memory allows it, so that a fault costs one category.

    Args:
        category_shards: how many there are, at least 1.
        available_bytes: memory that is free on this machine.
    """
    affordable = max(1, int(available_bytes * _SHARE_FOR_SEARCHERS) // SEARCHER_BYTES)
    return -(-category_shards // affordable)


def pack(shards: Sequence[ShardEntry], per_searcher: int) -> tuple[tuple[str, ...], ...]:
    """Return the slugs that each searcher serves.

    Args:
        shards: of one snapshot; the baseline index, when there is one, gets a searcher of its own.
        per_searcher: shards of categories per searcher at most, at least 1.

    Big shards are spread first, each to the searcher with the fewest images so far, so that no searcher has them all.
    """
    categories = [shard for shard in shards if not shard.baseline]
    searchers = -(-len(categories) // per_searcher)
    packed: list[list[ShardEntry]] = [[] for _ in range(searchers)]
    for shard in sorted(categories, key=lambda shard: (-shard.images, shard.slug)):
        room = (searcher for searcher in packed if len(searcher) < per_searcher)
        min(room, key=lambda searcher: sum(each.images for each in searcher)).append(shard)
    baseline = tuple((shard.slug,) for shard in shards if shard.baseline)
    return (*(tuple(sorted(shard.slug for shard in searcher)) for searcher in packed), *baseline)
