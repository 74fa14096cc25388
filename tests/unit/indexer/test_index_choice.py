"""The kind of index follows from size, dimension and memory."""

import pytest

from services.indexer.index_choice import index_factory


@pytest.mark.parametrize(
    ("vectors", "dimension", "expected"),
    [
        (1, 256, "Flat"),
        (5_000, 256, "Flat"),
        (5_001, 256, "PQ128x4fs,RFlat"),
        (62_500, 7, "PQ7x4fs,RFlat"),
        (500_000, 256, "PQ128x4fs,RFlat"),
        (500_001, 256, "IVF2048,PQ128x4fs,RFlat"),
        (2_000_000, 256, "IVF4096,PQ128x4fs,RFlat"),
    ],
)
def test_small_ones_are_exact_larger_ones_scanned_and_the_largest_in_lists(
    vectors: int, dimension: int, expected: str
) -> None:
    """The limits are those of the curves in docs/benchmarks."""
    assert index_factory(vectors, dimension) == expected


@pytest.mark.parametrize(
    ("limit_bytes", "expected"),
    [
        (4_000_000, "PQ128x4fs,RFlat"),
        (3_999_999, "PQ64x4fs,RFlat"),
        (1_000_000, "PQ32x4fs,RFlat"),
        (1, "PQ32x4fs,RFlat"),
    ],
)
def test_codes_become_coarser_until_they_fit_or_would_be_of_no_use(limit_bytes: int, expected: str) -> None:
    """62,500 vectors of 256 numbers take 4 MB of codes when two numbers share one."""
    assert index_factory(62_500, 256, limit_bytes) == expected
