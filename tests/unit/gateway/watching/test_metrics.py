"""What Prometheus reads of a gateway."""

from prometheus_client import CollectorRegistry

from services.common.admission import Admission, AdmissionRules
from services.common.concurrency_limit import LimitRules
from services.gateway.answering.agreement import Agreement
from services.gateway.answering.ladder import Ladder, LadderRules
from services.gateway.answering.query import Policy
from services.gateway.watching.metrics import AgreementMetrics, ServiceMetrics, SnapshotMetrics
from tests.support.clocks import ManualClock


def test_counts_are_told_by_policy() -> None:
    """What became of those drawn, whether the best product agreed, and how much was in common."""
    registry = CollectorRegistry()
    metrics = AgreementMetrics(registry)
    metrics.drawn(Policy.TOP_1, "compared")
    metrics.drawn(Policy.TOP_1, "skipped")
    metrics.compared(Policy.TOP_1, Agreement(best_product=True, overlap=0.75))
    metrics.compared(Policy.TOP_1, Agreement(best_product=False, overlap=1.0))

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"aisle_gateway_agreement_{name}", {"policy": "top_1", **labels})

    assert value("searches_total", outcome="compared") == value("searches_total", outcome="skipped") == 1
    assert value("best_product_total", agreed="true") == value("best_product_total", agreed="false") == 1
    assert (value("overlap_count"), value("overlap_sum")) == (2, 1.75)
    assert (value("overlap_bucket", le="0.7"), value("overlap_bucket", le="0.8")) == (0, 1)


def test_the_parts_of_the_gateway_are_read_when_somebody_asks() -> None:
    """What is in work, and how far it has degraded."""
    registry, clock = CollectorRegistry(), ManualClock()
    admission = Admission(AdmissionRules(LimitRules(least=1, most=4), max_waiting=4), clock)
    ladder = Ladder(LadderRules())
    ServiceMetrics(registry, admission=admission, ladder=ladder, clock=clock)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"aisle_gateway_{name}")

    gauges = ("in_flight", "waiting", "pressure", "rung")
    assert [value(name) for name in gauges] == [0] * len(gauges)
    assert value("limit") == 4
    admission.in_flight = 3
    ladder.rung(0.3, clock())
    assert [value(name) for name in gauges] == [3, 0, 0, 1]
    clock.advance(100.0)
    assert value("rung") == 0


def test_the_snapshot_that_is_served_is_told_and_what_became_of_others() -> None:
    """One id at a time; whether CURRENT names another; how often it changed, and why it did not."""
    registry = CollectorRegistry()
    metrics = SnapshotMetrics(registry)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"aisle_gateway_snapshot_{name}", labels)

    metrics.serves("a", switched=False)
    assert (value("info", snapshot_id="a"), value("behind"), value("switches_total")) == (1, 0, 0)
    metrics.waits()
    metrics.refused("SNAPSHOT_INVALID")
    assert (value("behind"), value("refusals_total", reason="SNAPSHOT_INVALID")) == (1, 1)
    metrics.serves("b", switched=True)
    assert (value("info", snapshot_id="a"), value("info", snapshot_id="b")) == (None, 1)
    assert (value("behind"), value("switches_total")) == (0, 1)


def test_two_gateways_in_one_process_share_nothing() -> None:
    """Each has its own registry."""
    first, second = CollectorRegistry(), CollectorRegistry()
    AgreementMetrics(first).drawn(Policy.TOP_P, "failed")
    AgreementMetrics(second)
    assert (
        second.get_sample_value("aisle_gateway_agreement_searches_total", {"policy": "top_p", "outcome": "failed"}) == 0
    )
