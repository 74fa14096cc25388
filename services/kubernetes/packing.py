"""Which small shards share a searcher, so that a new category changes one searcher and no other. Pure.

Packs are the leaves of a binary tree: a shard goes left or right by the bits of its slug's digest, and a pack that
would be too large is divided by the next bit. Where a shard goes depends on nothing but its name, so what comes and
goes moves others only when its own pack is divided or joined (extendible hashing: Fagin et al., 1979).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from services.snapshot.manifest import ShardEntry

_DIGEST_BITS: Final = 256

Fits = Callable[[Sequence[ShardEntry]], bool]


def pack(shards: Sequence[ShardEntry], fits: Fits) -> Mapping[str, Sequence[ShardEntry]]:
    """Return the shards of each pack, by slug; packs in order, by the bits that lead to them.

    Args:
        shards: those that are to have company, of distinct slugs.
        fits: whether some shards may share a searcher; a single one always may.
    """
    if not shards:
        return {}
    return dict(sorted(_divided("", sorted(shards, key=lambda shard: shard.slug), fits).items()))


def _divided(bits: str, shards: Sequence[ShardEntry], fits: Fits) -> dict[str, Sequence[ShardEntry]]:
    if len(shards) <= 1 or fits(shards) or len(bits) == _DIGEST_BITS:
        return {bits: shards} if shards else {}
    depth = len(bits)
    return {
        leaf: members
        for side in "01"
        for leaf, members in _divided(
            bits + side, [shard for shard in shards if _bits(shard.slug)[depth] == side], fits
        ).items()
    }


def _bits(slug: str) -> str:
    return f"{int.from_bytes(hashlib.sha256(slug.encode()).digest(), 'big'):0{_DIGEST_BITS}b}"
