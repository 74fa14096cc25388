"""What the gateway counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from services.gateway.agreement import Agreement, Outcome
from services.gateway.query import Policy

_TENTHS = tuple(tenth / 10 for tenth in range(11))


class AgreementMetrics:
    """How often routed answers agree with exact ones."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Add them to the registry."""
        self._searches = Counter(
            "aisle_gateway_agreement_searches",
            "Routed answers drawn to be compared with an exact search of every shard, by what became of it.",
            ("policy", "outcome"),
            registry=registry,
        )
        self._best_product = Counter(
            "aisle_gateway_agreement_best_product",
            "Compared answers by whether routed and exact answer have the same product first.",
            ("policy", "agreed"),
            registry=registry,
        )
        self._overlap = Histogram(
            "aisle_gateway_agreement_overlap",
            "Share of the exact answer's products that the routed answer has.",
            ("policy",),
            buckets=_TENTHS,
            registry=registry,
        )

    def drawn(self, policy: Policy, outcome: Outcome) -> None:
        """Count a query that was drawn."""
        self._searches.labels(policy.value, outcome).inc()

    def compared(self, policy: Policy, agreement: Agreement) -> None:
        """Note how a routed answer compares with the exact one."""
        self._best_product.labels(policy.value, str(agreement.best_product).lower()).inc()
        self._overlap.labels(policy.value).observe(agreement.overlap)
