"""What every process counts of its calls."""

import pytest
from aisle.shard.v1 import shard_pb2
from prometheus_client import CollectorRegistry

from services.common.call_metrics import CallMetrics
from services.common.security.access import NOBODY

SERVICE = shard_pb2.DESCRIPTOR.services_by_name["ShardService"]


@pytest.mark.parametrize("code", ["OK", "INTERNAL", "UNKNOWN"])
def test_the_first_call_with_a_code_that_alerts_ask_for_is_a_rise(code: str) -> None:
    """Prometheus sees none in a series that begins with 1, so the first defect would raise no alert."""
    registry = CollectorRegistry()
    calls = CallMetrics(registry, "searcher", SERVICE)
    labels = {"method": "Search", "code": code}
    before = registry.get_sample_value("aisle_searcher_rpcs_total", labels)
    calls.called("Search", code, 0.001)
    assert (before, registry.get_sample_value("aisle_searcher_rpcs_total", labels)) == (0, 1)


def test_other_codes_appear_when_they_happen() -> None:
    """A series each for all of gRPC's would be many that stay 0."""
    registry = CollectorRegistry()
    CallMetrics(registry, "searcher", SERVICE)
    labels = {"method": "Search", "code": "UNAVAILABLE"}
    assert registry.get_sample_value("aisle_searcher_rpcs_total", labels) is None


def test_callers_beyond_a_hundred_share_their_figures() -> None:
    """An access file may have thousands; those who could not be told keep theirs, for alerts ask for them."""
    registry = CollectorRegistry()
    calls = CallMetrics(registry, "searcher", SERVICE)
    for number in range(1_000):
        calls.came(f"c{number}", "admitted")
    calls.came(NOBODY, "unauthenticated")
    counted = {
        caller: registry.get_sample_value("aisle_searcher_callers_total", {"caller": caller, "outcome": outcome})
        for caller, outcome in (
            ("c0", "admitted"),
            ("c99", "admitted"),
            ("c100", "admitted"),
            ("c999", "admitted"),
            ("other", "admitted"),
            (NOBODY, "unauthenticated"),
        )
    }
    assert counted == {"c0": 1, "c99": 1, "c100": None, "c999": None, "other": 900, NOBODY: 1}
