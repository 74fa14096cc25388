"""Which FAISS index suits a segment; the curves behind the rules are in docs/benchmarks. Pure."""

import math

EXACT_VECTORS = 5_000
"""Up to here an exact scan takes 0.2 ms of one core; it is built in no time and never misses a neighbour."""
_SCANNED_VECTORS = 500_000
"""Up to here 4-bit codes of all vectors are scanned; beyond, most lists of them are left out."""
_NUMBERS_PER_CODE = 2
_MOST_NUMBERS_PER_CODE = 8
"""Coarser codes rank so badly that too many vectors have to be compared exactly."""


def index_factory(vectors: int, dimension: int, memory_limit_bytes: int | None = None) -> str:
    """Return FAISS's factory string for so many vectors.

    Exact up to 5,000; above, product-quantised codes of 4 bits that are scanned with SIMD registers as look-up tables
    (Andre, Kermarrec and Le Scouarnec, "Quicker ADC", 2019), the best of which are compared again by their exact
    vectors; above 500,000, the codes lie in inverted lists. The exact vectors are mapped and need not fit into memory.

    Args:
        vectors: at least 1.
        dimension: of each.
        memory_limit_bytes: what the codes may take; they become coarser to fit in. None for no limit.
    """
    if vectors <= EXACT_VECTORS:
        return "Flat"
    numbers_per_code = _NUMBERS_PER_CODE if dimension % _NUMBERS_PER_CODE == 0 else 1
    while (
        memory_limit_bytes is not None
        and vectors * dimension // numbers_per_code // 2 > memory_limit_bytes
        and numbers_per_code < _MOST_NUMBERS_PER_CODE
        and dimension % (2 * numbers_per_code) == 0
    ):
        numbers_per_code *= 2
    codes = f"PQ{dimension // numbers_per_code}x4fs,RFlat"
    return codes if vectors <= _SCANNED_VECTORS else f"IVF{lists_for(vectors)},{codes}"


def lists_for(vectors: int) -> int:
    """Return the power of two that is nearest to 4 x the root: finding lists then costs as much as scanning them."""
    return int(2 ** round(math.log2(4 * math.sqrt(vectors))))
