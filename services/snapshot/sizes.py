"""How large shards are, and below which size one is small: whoever starts searchers decides by it. Pure."""

from collections.abc import Sequence
from typing import Final

from services.snapshot.manifest import ShardEntry

SMALL_SHARD_BYTES: Final = 64 * 2**20
"""A shard with smaller files shares a searcher with others: the process costs more than its vectors, in memory and in
waking it up. In a cluster an overlay may say otherwise (`packs.below`)."""

SMALL_SHARDS_TOGETHER: Final = 16
"""How many share a searcher at most: what a fault of it costs. In a cluster an overlay may say otherwise
(`packs.shards`)."""


def file_bytes(shards: Sequence[ShardEntry]) -> int:
    """Return the size of all files of some shards, in bytes."""
    return sum(file.size_bytes for shard in shards for segment in shard.segments for file in segment.files)
