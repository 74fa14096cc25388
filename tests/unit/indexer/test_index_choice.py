"""The kind of index follows from size, dimension and memory."""

import pytest

from services.indexer.index_choice import index_factories


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
    assert index_factories(vectors, dimension)[0] == expected


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
    assert index_factories(62_500, 256, limit_bytes)[0] == expected


def test_what_does_not_find_enough_gives_way_to_finer_codes_and_in_the_end_to_none() -> None:
    """As far as the finer ones fit: 62,500 vectors of 256 numbers take 8 MB of codes, one for each number."""
    usual, finer = "PQ128x4fs,RFlat", "PQ256x4fs,RFlat"
    assert index_factories(62_500, 256) == (usual, finer, "Flat")
    assert index_factories(62_500, 256, 8_000_000) == (usual, finer, "Flat")
    assert index_factories(62_500, 256, 7_999_999) == (usual, "Flat")
    assert index_factories(62_500, 256, 2_000_000) == ("PQ64x4fs,RFlat", "Flat")
    assert index_factories(2_000_000, 256)[1] == f"IVF4096,{finer}"
    assert index_factories(62_500, 7) == ("PQ7x4fs,RFlat", "Flat")
    assert index_factories(5_000, 256) == ("Flat",)
