"""Each row of the promise: kept at its limit, missed beyond it."""

from collections.abc import Callable

import pytest

from services.benchmarks.scale import promise
from services.benchmarks.scale.latency import Latency
from services.benchmarks.targets import Target


def latency(p50: float, p99: float = 10.0) -> Latency:
    """A latency in milliseconds."""
    return Latency(p50, p99, calls=100)


def cascade(p50: float = 10.0, p99: float = 10.0, recall: float = 0.98) -> Target:
    """The cascade beside a baseline of 10 ms."""
    return promise.cascade_target(
        {"cascade": latency(p50, p99), "baseline": latency(10.0)}, {"cascade": recall, "baseline": 0.98}
    )


def switching(errors: int = 0, p99: float = 15.0, peak: int = 130) -> Target:
    """Switching beside a steady state of 10 ms and 100 bytes."""
    return promise.switching_target(errors, latency(5.0, p99), latency(5.0), peak, 100)


@pytest.mark.parametrize(
    ("kept", "missed"),
    [
        (cascade, lambda: cascade(p50=10.1)),
        (cascade, lambda: cascade(p99=10.1)),
        (cascade, lambda: cascade(recall=0.97)),
        (lambda: promise.searcher_target(latency(1.2, 3.0)), lambda: promise.searcher_target(latency(1.3, 3.0))),
        (lambda: promise.searcher_target(latency(1.2, 3.0)), lambda: promise.searcher_target(latency(1.2, 3.1))),
        (
            lambda: promise.overhead_target(latency(1.25), latency(0.5)),
            lambda: promise.overhead_target(latency(1.35), latency(0.5)),
        ),
        (
            lambda: promise.recall_target({"unfiltered": 0.98, "half": 1.0}),
            lambda: promise.recall_target({"unfiltered": 1.0, "half": 0.97}),
        ),
        (
            lambda: promise.growth_target({"cascade": latency(12.0), "tenth": latency(10.0)}),
            lambda: promise.growth_target({"cascade": latency(12.1), "tenth": latency(10.0)}),
        ),
        (lambda: promise.memory_target(130, 100), lambda: promise.memory_target(131, 100)),
        (lambda: promise.building_target(1_500.0), lambda: promise.building_target(1_501.0)),
        (
            lambda: promise.start_target(5.0, 2.0, latency(1.0)),
            lambda: promise.start_target(5.1, 2.0, latency(1.0)),
        ),
        (
            lambda: promise.start_target(5.0, 2.0, latency(1.0)),
            lambda: promise.start_target(5.0, 2.1, latency(1.0)),
        ),
        (lambda: promise.freshness_target(5.0), lambda: promise.freshness_target(5.1)),
        (switching, lambda: switching(errors=1)),
        (switching, lambda: switching(p99=15.1)),
        (switching, lambda: switching(peak=131)),
    ],
)
def test_a_row_is_kept_at_its_limit_and_missed_beyond(kept: Callable[[], Target], missed: Callable[[], Target]) -> None:
    """Also when only one of its figures is beyond."""
    assert kept().met
    assert not missed().met
    assert {*kept().reach} == {*kept().value}
