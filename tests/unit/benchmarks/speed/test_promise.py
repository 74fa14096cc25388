"""The promises about speed: each row says what is to be reached, and on which side of it."""

import pytest

from services.benchmarks.speed import promise
from services.benchmarks.targets import Target


def _soak(memory_ratio: float, p99_ratio: float, errors: int, minutes: float = 30.0, doubts: int = 0) -> Target:
    memory = {"gateway": 1.0, "triton": memory_ratio}
    return promise.soak_target(minutes, memory, p99_ratio, errors, doubts)


@pytest.mark.parametrize(
    ("kept", "missed"),
    [
        (promise.latency_target(1.30), promise.latency_target(1.31)),
        (promise.throughput_target(0.75, 0), promise.throughput_target(0.74, 0)),
        (promise.throughput_target(0.75, 0), promise.throughput_target(0.75, 1)),
        (promise.own_work_target(2.0), promise.own_work_target(2.1)),
        (promise.ceiling_target(400.0), promise.ceiling_target(399.0)),
        (promise.one_backbone_target(1.25), promise.one_backbone_target(1.24)),
        (promise.cascade_target(1.5, 1.05), promise.cascade_target(1.51, 1.0)),
        (promise.cascade_target(1.5, 1.05), promise.cascade_target(1.5, 1.06)),
        (promise.start_target(2.0, 3.0), promise.start_target(1.0, 3.1)),
        (promise.memory_target(200_000_000, 150_000_000), promise.memory_target(201_000_000, 1)),
        (_soak(1.02, 1.1, 0), _soak(1.0, 1.0, 1)),
        (_soak(1.02, 1.1, 0), _soak(1.021, 1.0, 0)),
        (_soak(1.02, 1.1, 0), _soak(1.0, 1.11, 0)),
        (_soak(1.02, 1.1, 0), _soak(1.0, 1.0, 0, minutes=29.9)),
        (_soak(1.02, 1.1, 0), _soak(1.0, 1.0, 0, doubts=1)),
    ],
)
def test_a_figure_at_its_bound_keeps_the_promise_and_one_beyond_does_not(kept: Target, missed: Target) -> None:
    """Ratios to the limit, times and memory are bounded from above, photos a second from below."""
    assert kept.met
    assert not missed.met
