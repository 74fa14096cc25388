"""What Prometheus reads of the agreement of routed answers."""

from prometheus_client import CollectorRegistry

from services.gateway.agreement import Agreement
from services.gateway.metrics import AgreementMetrics
from services.gateway.query import Policy


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


def test_two_gateways_in_one_process_share_nothing() -> None:
    """Each has its own registry."""
    first, second = CollectorRegistry(), CollectorRegistry()
    AgreementMetrics(first).drawn(Policy.TOP_P, "failed")
    AgreementMetrics(second)
    assert (
        second.get_sample_value("aisle_gateway_agreement_searches_total", {"policy": "top_p", "outcome": "failed"})
        is None
    )
