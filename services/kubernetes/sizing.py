"""What a searcher needs, from what the manifest says about its shards. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.kubernetes.quantities import MEBIBYTE, rounded_up
from services.snapshot.manifest import ShardEntry
from services.snapshot.sizes import file_bytes

PROCESS_BYTES: Final = 200_000_000
"""Python, gRPC, FAISS and Arrow with their threads, before a vector is loaded: 174 MB on two cores, more with more."""
_PRODUCT_BYTES: Final = 300
"""Of each product: its id and category as Python's strings, and where its images are."""
_IMAGE_BYTES: Final = 100
"""Of each image, beside the files: which product it shows, and room for the item table's strings."""
_SCAN_BYTES: Final = 16
"""Of each image, while a core compares a query with all of them: similarities, and the order of products."""
GENERATIONS: Final = 2
"""The snapshot that is served and the next one, which is loaded beside it; a new build shares nothing with the old."""
_HEADROOM: Final = 1.1
"""For requests in work and what the allocator keeps."""
NEAR_SHARE: Final = 0.95
"""Of a searcher's memory or cache: with more of it taken, half of the headroom is gone. It is 0.91 at most when it is
rendered, and grows with the snapshots that are followed since."""
_SMALL_IMAGES, _LARGE_IMAGES = 50_000, 500_000
_FEW_CORES, _SOME_CORES, _MANY_CORES = 1, 2, 4
_CACHE_ROOM: Final = 1.25
"""Files of a snapshot that was pruned stay for an hour."""
_LEAST_CACHE_BYTES: Final = 32 * MEBIBYTE
"""A small shard may grow many times over before its memory shows it, and a cache that is full evicts every replica."""


@dataclass(frozen=True, slots=True)
class Need:
    """What each replica of a searcher needs.

    Attributes:
        taken_bytes: of memory, by its shards of two snapshots, files included: pages of them that have to go make the
            next search wait for the disk.
        memory_bytes: to ask for: with headroom, rounded up.
        cache_bytes: on disk, for the files of two snapshots.
        cores: whole ones, each for one search at a time.
    """

    taken_bytes: int
    memory_bytes: int
    cache_bytes: int
    cores: int


def need_of(shards: Sequence[ShardEntry], cores: int | None = None) -> Need:
    """Return what a searcher of some shards needs.

    Args:
        shards: what it serves, at least one.
        cores: what it is to have; None to choose by the number of images.
    """
    files, images = file_bytes(shards), sum(segment.images for shard in shards for segment in shard.segments)
    products = sum(shard.products for shard in shards)
    chosen = _cores(images) if cores is None else cores
    held = files + _PRODUCT_BYTES * products + _IMAGE_BYTES * images
    taken = PROCESS_BYTES + GENERATIONS * held + _SCAN_BYTES * images * chosen
    return Need(
        taken_bytes=taken,
        memory_bytes=rounded_up(int(taken * _HEADROOM)),
        cache_bytes=rounded_up(max(_LEAST_CACHE_BYTES, int(files * GENERATIONS * _CACHE_ROOM))),
        cores=chosen,
    )


def _cores(images: int) -> int:
    """Return how many searches at once pay: a core per search, which takes the longer the more images there are."""
    if images < _SMALL_IMAGES:
        return _FEW_CORES
    return _SOME_CORES if images < _LARGE_IMAGES else _MANY_CORES
