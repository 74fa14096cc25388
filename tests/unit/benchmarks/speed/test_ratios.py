"""Ratios of what was measured in turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.benchmarks.speed.ratios import between, blocks_of, ratio_of

SECONDS = st.floats(0.001, 10.0)


@given(times=st.lists(SECONDS, min_size=1), factor=st.floats(0.5, 3.0), slow=st.floats(1.0, 100.0))
def test_a_spell_that_slows_both_changes_no_ratio(times: list[float], factor: float, slow: float) -> None:
    """A machine that is slower for a while is so for both."""
    spelled = [time * slow if number % 2 else time for number, time in enumerate(times)]
    ratio = ratio_of([factor * time for time in spelled], spelled)
    assert [ratio.value, ratio.least, ratio.most] == pytest.approx([factor] * 3)
    assert ratio.times == len(times)


def test_one_spoilt_turn_is_forgotten() -> None:
    """The median is not moved by it, and the extremes tell of it."""
    ratio = ratio_of([2.0, 2.0, 90.0], [1.0, 1.0, 1.0])
    assert (ratio.value, ratio.least, ratio.most) == (2.0, 2.0, 90.0)


def test_turns_belong_together() -> None:
    """A figure without its neighbour is a mistake of the caller."""
    with pytest.raises(ValueError, match="shorter"):
        ratio_of([1.0, 2.0], [1.0])


def test_looks_before_and_after_are_averaged() -> None:
    """Three looks are around two measurements."""
    assert between([100.0, 120.0, 80.0]) == [110.0, 100.0]


def test_blocks_are_whole() -> None:
    """A short last block would weigh as much as a long one; a single one is better than none."""
    assert blocks_of(range(7), 3) == [range(3), range(3, 6)]
    assert blocks_of(range(2), 3) == [range(2)]
