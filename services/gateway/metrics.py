"""What the gateway counts, for Prometheus."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.common.admission import Admission
from services.gateway.agreement import Agreement, Outcome
from services.gateway.extra_calls import ExtraCalls
from services.gateway.ladder import STEPS, Ladder
from services.gateway.query import Answer, Policy
from services.gateway.replicas import Replicas

_LAG_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
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
    """What became of the photos, how many are in work, and whether the event loop keeps up."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        admission: Admission,
        ladder: Ladder,
        extra: ExtraCalls,
        searchers: Replicas,
        tritons: Sequence[Replicas],
        clock: Callable[[], float],
    ) -> None:
        """Add them to the registry; gauges are read from the parts when somebody asks.

        Args:
            registry: where.
            admission: who is in work, and who waits.
            ladder: how far the service has degraded.
            extra: the calls to second replicas.
            searchers: of all shards.
            tritons: of the embedder, and of the classifier.
            clock: seconds, monotonic.
        """
        self._answers = Counter(
            "aisle_gateway_answers",
            "Photos answered, by rung of degradation and whether any planned shard is missing.",
            ("rung", "partial"),
            registry=registry,
        )
        self._errors = Counter(
            "aisle_gateway_errors", "Photos that ended with an error, by its reason.", ("reason",), registry=registry
        )
        self._shards = Counter(
            "aisle_gateway_shards",
            "Planned shards of answered photos, by what became of them.",
            ("state",),
            registry=registry,
        )
        self._loop_lag = Histogram(
            "aisle_gateway_loop_lag_seconds",
            "How late the event loop comes to what is due.",
            buckets=_LAG_SECONDS,
            registry=registry,
        )
        for name, text, read in (
            ("in_flight", "Photos in work.", lambda: admission.in_flight),
            ("waiting", "Photos that wait for their turn.", lambda: admission.waiting),
            ("limit", "Photos that may be in work.", lambda: admission.limit),
            ("pressure", "Share of the people who came of late that had to wait.", lambda: admission.pressure(clock())),
            (
                "rung",
                "Steps down from all there is, of 3, for a photo that came now.",
                lambda: STEPS.index(ladder.would_be(admission.pressure(clock()), clock())),
            ),
            ("extra_calls", "Calls to a second replica since the start.", lambda: extra.spent),
            ("replicas_away", "Searchers that were lost and have answered nothing since.", lambda: len(searchers.away)),
            (
                "tritons_away",
                "Tritons that lost a model and have not answered since.",
                lambda: _away(tritons),
            ),
        ):
            Gauge(f"aisle_gateway_{name}", text, registry=registry).set_function(read)

    def answered(self, answer: Answer) -> None:
        """Count an answer."""
        self._answers.labels(answer.rung.value, str(answer.coverage.partial).lower()).inc()
        for shard in answer.coverage.shards:
            self._shards.labels(shard.state.value).inc()

    def failed(self, reason: str) -> None:
        """Count an error."""
        self._errors.labels(reason).inc()

    def loop_lag(self, seconds: float) -> None:
        """Note a lag."""
        self._loop_lag.observe(seconds)


def _away(replicas: Sequence[Replicas]) -> int:
    return len({target for each in replicas for target in each.away})
