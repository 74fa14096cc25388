"""Schedules: rising, inside their time, as many as the rate says, and the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import SettingsInvalid
from services.loadtest.arrivals import (
    Arrivals,
    Constant,
    Poisson,
    Ramp,
    Replay,
    Spike,
    Step,
    duration_seconds,
    pieces_of,
    recorded_times,
    send_times,
    warm_up_times,
)

RATES = st.floats(0.5, 200)
SECONDS = st.floats(0.5, 20)
SEEDS = st.integers(0, 2**32)


@st.composite
def arrivals(draw: st.DrawFn) -> Arrivals:
    even = draw(st.booleans())
    rate, other, seconds = draw(RATES), draw(RATES), draw(SECONDS)
    some: list[Arrivals] = [
        Constant(rate=rate, seconds=seconds),
        Poisson(rate=rate, seconds=seconds),
        Step(rates=(rate, other, rate), seconds_each=seconds, even=even),
        Ramp(from_rate=0.0, to_rate=rate, seconds=seconds, even=even),
        Ramp(from_rate=rate, to_rate=other, seconds=seconds, even=even),
        Spike(rate=rate, peak_rate=other, before_seconds=seconds, peak_seconds=1, after_seconds=seconds, even=even),
    ]
    return draw(st.sampled_from(some))


@given(arrivals(), SEEDS)
def test_times_rise_and_stay_inside(schedule: Arrivals, seed: int) -> None:
    """And the same seed gives the same."""
    times = send_times(schedule, seed)
    assert np.all(np.diff(times) >= 0)
    if len(times):
        assert times[0] >= 0
        assert times[-1] <= duration_seconds(schedule)
    assert np.array_equal(times, send_times(schedule, seed))


@given(arrivals(), SEEDS)
def test_every_piece_has_as_many_as_its_rate_says(schedule: Arrivals, seed: int) -> None:
    """Within six standard deviations of a Poisson count, or one photo when the distances are even."""
    times = send_times(schedule, seed)
    is_even = isinstance(schedule, Constant) or getattr(schedule, "even", False)
    began = 0.0
    for piece in pieces_of(schedule):
        count = ((times >= began - 1e-9) & (times < began + piece.seconds - 1e-9)).sum()
        most = 1.0 + 1e-6 if is_even else 6 * np.sqrt(piece.photos) + 6
        assert abs(count - piece.photos) <= most
        began += piece.seconds


def test_constant_distances_are_equal() -> None:
    """Beginning at once."""
    assert send_times(Constant(rate=4, seconds=1), 0).tolist() == pytest.approx([0, 0.25, 0.5, 0.75])


def test_poisson_distances_are_those_of_independent_people() -> None:
    """Their standard deviation equals their mean: an even schedule would have none, and would find no queue."""
    gaps = np.diff(send_times(Poisson(rate=100, seconds=200), 1))
    assert gaps.mean() == pytest.approx(0.01, rel=0.05)
    assert gaps.std() == pytest.approx(0.01, rel=0.05)


def test_a_ramp_from_nothing_gets_denser() -> None:
    """A quarter of the photos comes in the first half."""
    times = send_times(Ramp(from_rate=0, to_rate=200, seconds=100, even=True), 0)
    assert len(times) == 10_000
    assert (times < 50).mean() == pytest.approx(0.25, abs=0.001)


def test_a_replay_keeps_the_distances() -> None:
    """Whatever clock its file counts from, in whatever order, and faster when asked for."""
    recorded = recorded_times("# an evening\n1005.0\n1001.0\n\n1002.5\n", "evening.txt")
    assert recorded == (0.0, 1.5, 4.0)
    assert send_times(Replay(file="evening.txt", speed=2.0), 0, recorded).tolist() == [0.0, 0.75, 2.0]
    assert duration_seconds(Replay(file="evening.txt", speed=2.0), recorded) == 2.0


@pytest.mark.parametrize(
    ("text", "words"),
    [("1\ntwo\n", "line 2: 'two' is no time"), ("", "at least two"), ("1\n", "two"), ("1\nnan\n", "two")],
)
def test_a_file_without_times_is_refused(text: str, words: str) -> None:
    """With its name, and the line."""
    with pytest.raises(SettingsInvalid, match=f"evening.txt.*{words}"):
        recorded_times(text, "evening.txt")


def test_more_than_fits_is_refused_before_it_is_made() -> None:
    """A week at the highest rate is a mistake."""
    with pytest.raises(SettingsInvalid, match="more than one run holds"):
        send_times(Poisson(rate=100_000, seconds=3600), 0)


@given(arrivals(), SEEDS)
def test_the_warm_up_comes_before(schedule: Arrivals, seed: int) -> None:
    """At the first rate, and never in the time that counts."""
    times = warm_up_times(schedule, 3.0, seed)
    assert np.all(times < 0)
    assert np.all(times >= -3)
    assert abs(len(times) - 3 * pieces_of(schedule)[0].start) <= 6 * np.sqrt(3 * 200) + 6


@pytest.mark.parametrize(("rate", "seconds"), [(50.0, 0.0), (0.0, 2.0)])
def test_no_time_or_no_rate_is_no_warm_up(rate: float, seconds: float) -> None:
    """A scenario may do without; a ramp may begin with nothing."""
    assert len(warm_up_times(Ramp(from_rate=rate, to_rate=100, seconds=10), seconds, 0)) == 0
