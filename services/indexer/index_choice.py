"""Which FAISS index suits a segment; the curves behind the rules are in docs/benchmarks. Pure."""

import math

EXACT_VECTORS = 5_000
"""Up to here an exact scan takes 0.2 ms of one core; it is built in no time and never misses a neighbour."""
_SCANNED_VECTORS = 500_000
"""Up to here 4-bit codes of all vectors are scanned; beyond, most lists of them are left out."""
_NUMBERS_PER_CODE = (1, 2, 4, 8)
"""Coarser codes rank so badly that too many vectors have to be compared exactly."""
_USUAL_NUMBERS_PER_CODE = 2


def index_factories(vectors: int, dimension: int, memory_limit_bytes: int | None = None) -> tuple[str, ...]:
    """Return FAISS's factory strings for so many vectors, the quickest to search first; the last one misses nothing.

    Exact up to 5,000; above, product-quantised codes of 4 bits that are scanned with SIMD registers as look-up tables
    (Andre, Kermarrec and Le Scouarnec, "Quicker ADC", 2019), the best of which are compared again by their exact
    vectors; above 500,000, the codes lie in inverted lists. The exact vectors are mapped and need not fit into memory.

    Args:
        vectors: at least 1.
        dimension: of each.
        memory_limit_bytes: what the codes may take; they become coarser to fit in. None for no limit.

    Returns:
        What to build, and what to build instead when that does not find enough: finer codes, as far as they fit in.
    """
    if vectors <= EXACT_VECTORS:
        return ("Flat",)
    limit = math.inf if memory_limit_bytes is None else memory_limit_bytes
    usable = [numbers for numbers in _NUMBERS_PER_CODE if dimension % numbers == 0]
    fitting = [numbers for numbers in usable if vectors * dimension // numbers // 2 <= limit] or usable[-1:]
    usual = min((numbers for numbers in fitting if numbers >= _USUAL_NUMBERS_PER_CODE), default=fitting[-1])
    lists = f"IVF{lists_for(vectors)}," if vectors > _SCANNED_VECTORS else ""
    codes = (f"PQ{dimension // numbers}x4fs" for numbers in reversed(fitting) if numbers <= usual)
    return (*(f"{lists}{each},RFlat" for each in codes), "Flat")


def lists_for(vectors: int) -> int:
    """Return the power of two that is nearest to 4 x the root: finding lists then costs as much as scanning them."""
    return int(2 ** round(math.log2(4 * math.sqrt(vectors))))
