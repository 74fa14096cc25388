"""Histograms against sorted lists: the oracle."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loadtest.histogram import Histogram, quantiles_ms

TIMES = st.lists(st.floats(1e-5, 500), min_size=1, max_size=60)


def histogram(times: list[float]) -> Histogram:
    made = Histogram()
    for each in times:
        made.record(each)
    return made


@given(TIMES, st.floats(0.01, 1))
def test_quantiles_are_those_of_the_sorted_times(times: list[float], quantile: float) -> None:
    """Within 0.1 %, and a microsecond at the bottom."""
    expected = sorted(times)[max(1, ceil(quantile * len(times) - 1e-9)) - 1] * 1000
    assert histogram(times).quantile_ms(quantile) == pytest.approx(expected, rel=0.001, abs=0.001)


@given(TIMES, TIMES)
def test_merging_is_counting_all(one: list[float], other: list[float]) -> None:
    """Two senders' histograms are the histogram of both."""
    merged = histogram(one)
    merged.add(histogram(other))
    for mine, both in zip(merged.bins(), histogram(one + other).bins(), strict=True):
        assert np.array_equal(mine, both)


@given(st.lists(st.floats(1e-5, 500), max_size=60))
def test_nothing_is_lost_on_the_wire(times: list[float]) -> None:
    """An empty one arrives, too, and can be added to."""
    arrived = Histogram.decode(histogram(times).encode())
    arrived.record(1.0)
    assert arrived.count == len(times) + 1
    for mine, all_of_them in zip(arrived.bins(), histogram([*times, 1.0]).bins(), strict=True):
        assert np.array_equal(mine, all_of_them)


def test_what_does_not_fit_is_held_at_the_ends() -> None:
    """A photo that came before its time took none, and an hour is more than any deadline."""
    made = histogram([-1.0, 3600.0])
    assert made.count == 2
    assert made.quantile_ms(0.5) <= 0.001
    assert made.max_ms == pytest.approx(600_000, rel=0.001)


def test_nothing_is_no_time() -> None:
    """An empty histogram has quantiles of 0."""
    assert (Histogram().quantile_ms(0.99), Histogram().max_ms, Histogram().count) == (0.0, 0.0, 0)


def test_rows_without_counts_are_told() -> None:
    """Many histograms at once, one of them empty."""
    counts = np.array([[1, 1, 2], [0, 0, 0], [0, 3, 0]])
    assert quantiles_ms(np.array([1.0, 2.0, 4.0]), counts, 0.5).tolist() == [2.0, 0.0, 2.0]


@pytest.mark.parametrize("text", ["", "nonsense", "HISTFAAAAA=="])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    """A damaged report."""
    with pytest.raises(ValueError, match="not an HDR histogram"):
        Histogram.decode(text)
