"""What the gateway counts, for Prometheus."""

from collections.abc import Callable
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.common.admission import Admission
from services.common.errors import SnapshotInvalid, SpaceMismatch, Unavailable
from services.gateway.answering.agreement import ROUTED_POLICIES, Agreement, CheckOutcome
from services.gateway.answering.ladder import STEPS, Ladder
from services.gateway.answering.query import Policy
from services.gateway.following.rollout import HELD_UP

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
        for policy in sorted(each.value for each in ROUTED_POLICIES):
            for outcome in get_args(CheckOutcome):
                self._searches.labels(policy, outcome)
            for agreed in ("true", "false"):
                self._best_product.labels(policy, agreed)

    def drawn(self, policy: Policy, outcome: CheckOutcome) -> None:
        """Count a query that was drawn."""
        self._searches.labels(policy.value, outcome).inc()

    def compared(self, policy: Policy, agreement: Agreement) -> None:
        """Note how a routed answer compares with the exact one."""
        self._best_product.labels(policy.value, str(agreement.best_product).lower()).inc()
        self._overlap.labels(policy.value).observe(agreement.overlap)


class SnapshotMetrics:
    """Which snapshot is served, and what became of others."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Add them to the registry."""
        self._info = Gauge(
            "aisle_gateway_snapshot_info", "1 for the snapshot that is served.", ("snapshot_id",), registry=registry
        )
        self._behind = Gauge(
            "aisle_gateway_snapshot_behind", "1 while CURRENT names another snapshot than is served.", registry=registry
        )
        self._switches = Counter(
            "aisle_gateway_snapshot_switches", "Switches to another snapshot since the start.", registry=registry
        )
        self._refusals = Counter(
            "aisle_gateway_snapshot_refusals",
            "Snapshots that were not switched to, by the reason.",
            ("reason",),
            registry=registry,
        )
        for reason in (HELD_UP, *(error.reason for error in (SnapshotInvalid, SpaceMismatch, Unavailable))):
            self._refusals.labels(reason)

    def serves(self, snapshot_id: str, *, switched: bool) -> None:
        """Note which snapshot is served, and is the one to serve."""
        self._info.clear()
        self._info.labels(snapshot_id).set(1)
        self._behind.set(0)
        self._switches.inc(switched)

    def waits(self) -> None:
        """Note that another snapshot should be served."""
        self._behind.set(1)

    def refused(self, reason: str) -> None:
        """Count a snapshot that is not served."""
        self._refusals.labels(reason).inc()


class ServiceMetrics:
    """How many photos are in work, and how far the service has degraded."""

    def __init__(
        self, registry: CollectorRegistry, *, admission: Admission, ladder: Ladder, clock: Callable[[], float]
    ) -> None:
        """Add them to the registry; they are read from the parts when somebody asks.

        Args:
            registry: where.
            admission: who is in work, and who waits.
            ladder: how far the service has degraded.
            clock: seconds, monotonic.
        """
        for name, text, read in (
            ("in_flight", "Photos in work.", lambda: admission.in_flight),
            ("waiting", "Photos that wait for their turn.", lambda: admission.waiting),
            ("limit", "Photos that may be in work.", lambda: admission.limit),
            ("pressure", "How near people came to a refusal of late, 0 to 1.", lambda: admission.pressure(clock())),
            (
                "rung",
                "Steps down from all there is, of 3, for a photo that came now.",
                lambda: STEPS.index(ladder.would_be(admission.pressure(clock()), clock())),
            ),
        ):
            Gauge(f"aisle_gateway_{name}", text, registry=registry).set_function(read)
