"""What telemetry may cost."""

import pytest

from services.benchmarks.speed.ratios import Ratio
from services.benchmarks.telemetry.cost import TelemetryCost


@pytest.mark.parametrize(
    ("p50", "throughput", "met"), [(1.03, 0.97, True), (1.031, 1.0, False), (1.0, 0.969, False), (0.99, 1.01, True)]
)
def test_both_halves_of_the_promise_count(p50: float, throughput: float, met: bool) -> None:  # noqa: FBT001
    """At most 3 % later at the median, and at least 97 % of the photos a second."""
    cost = TelemetryCost(Ratio(p50, p50, p50, 1), Ratio(throughput, throughput, throughput, 1), 10.0, 100.0, 5)
    assert cost.target().met is met
