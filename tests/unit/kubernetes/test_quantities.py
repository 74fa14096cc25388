"""Kubernetes' amounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import SettingsInvalid
from services.kubernetes.quantities import MEBIBYTE, amount, memory_words, rounded_up


@pytest.mark.parametrize(
    ("quantity", "number"),
    [
        ("512Mi", 512 * 2**20),
        ("2", 2),
        (4, 4),
        ("1500m", 1.5),
        ("1G", 1e9),
        ("1.5Gi", 1.5 * 2**30),
        ("1e3", 1e3),
        ("5E", 5e18),
        ("2Pi", 2**51),
        ("250u", 0.00025),
        (".5", 0.5),
    ],
)
def test_a_quantity_is_a_number_and_a_unit(quantity: str | int, number: float) -> None:
    """Binary and decimal units differ."""
    assert amount(quantity) == pytest.approx(number)


@pytest.mark.parametrize("quantity", ["", "Mi", "4 Gi", "4GiB", "-1", "1e3x", "1e3Mi", "1E-2k"])
def test_what_is_none_is_refused_by_its_text(quantity: str) -> None:
    """The message says what one looks like."""
    with pytest.raises(SettingsInvalid, match="a number and a unit") as refused:
        amount(quantity)
    assert repr(quantity) in refused.value.message


@given(st.integers(min_value=1, max_value=2**45))
def test_rounding_up_is_enough_and_little_more(size_bytes: int) -> None:
    """What is written down reads as at least as much, and as a seventh more at most, but for the first 8 MiB."""
    rounded = rounded_up(size_bytes)
    assert amount(memory_words(rounded)) == rounded >= size_bytes
    assert rounded <= max(size_bytes * 8 / 7, size_bytes + MEBIBYTE) + MEBIBYTE


@given(st.integers(min_value=2**27, max_value=2**40))
def test_a_little_more_each_day_changes_little(size_bytes: int) -> None:
    """Sixteen steps of half a percent cross two bounds at most."""
    sizes = [int(size_bytes * 1.005**day) for day in range(17)]
    assert len({rounded_up(size) for size in sizes}) <= 3
