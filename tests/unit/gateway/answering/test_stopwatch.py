"""Time per stage, on a clock that is set by hand."""

from contextlib import suppress

from services.gateway.answering.stopwatch import Stopwatch
from tests.support.clocks import ManualClock


def test_stages_may_overlap_and_the_total_counts_once() -> None:
    """Two stages side by side each have their own time."""
    clock = ManualClock()
    watch = Stopwatch(clock)
    clock.advance(1.0)
    with watch.stage("embed"):
        clock.advance(2.0)
        with watch.stage("classify"):
            clock.advance(4.0)
    clock.advance(8.0)
    assert watch.finish() == {"embed": 6.0, "classify": 4.0, "total": 15.0}


def test_a_stage_that_fails_is_measured() -> None:
    """The time of a lost classifier is part of the picture."""
    clock = ManualClock()
    watch = Stopwatch(clock)
    with suppress(KeyError), watch.stage("classify"):
        clock.advance(3.0)
        raise KeyError
    assert watch.finish()["classify"] == 3.0
