"""Quantiles of what was seen lately, and of nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.recent_times import RecentTimes
from tests.support.clocks import ManualClock


@given(seconds=st.lists(st.floats(0, 10), min_size=10, max_size=100), share=st.floats(0, 1))
def test_quantiles_are_those_of_the_durations(seconds: list[float], share: float) -> None:
    """As NumPy finds them among the last ones, however many came before."""
    times = RecentTimes(ManualClock(), size=50)
    for each in seconds:
        times.add(each)
    assert times.quantile(share) == pytest.approx(float(np.quantile(seconds[-50:], share)), abs=1e-9)


def test_few_durations_say_nothing() -> None:
    """Nine do not, ten do."""
    times = RecentTimes(ManualClock())
    for _ in range(9):
        times.add(1.0)
    assert times.median is None
    times.add(1.0)
    assert times.median == 1.0


def test_only_the_last_ones_count() -> None:
    """As many as are kept."""
    times = RecentTimes(ManualClock(), size=10)
    for seconds in (*[1.0] * 50, *[2.0] * 16):
        times.add(seconds)
    assert times.quantile(0.0) == 2.0


def test_old_ones_are_forgotten_though_no_new_ones_come() -> None:
    """Who refuses all work learns nothing new: what it took must not be believed for ever."""
    clock = ManualClock()
    times = RecentTimes(clock, seconds=10.0)
    for _ in range(20):
        times.add(1.0)
    clock.advance(9.9)
    assert times.median == 1.0
    clock.advance(0.2)
    assert times.median is None


def test_the_mean_is_of_what_is_remembered() -> None:
    """As the quantiles: nothing for a few, and nothing of what is too old."""
    clock = ManualClock()
    times = RecentTimes(clock, seconds=10.0)
    for _ in range(9):
        times.add(1.0)
    assert times.mean is None
    times.add(2.0)
    assert times.mean == pytest.approx(1.1)
    clock.advance(10.1)
    assert times.mean is None
