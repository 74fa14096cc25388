"""What the gateway knows of the replicas behind it, for Prometheus: read when somebody asks, for others count it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.gateway.answering.ports import Models
from services.gateway.replicas.choosing import ReplicaState, Standing
from services.gateway.replicas.extra_calls import ExtraCalls


class ReplicaKind(Enum):
    """What a replica is one of."""

    SEARCHER = "searcher"
    TRITON = "triton"


class ReplicaMetrics(Collector):
    """How many replicas there are and how they stand, which models they serve, and what was asked a second time."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        states: Mapping[ReplicaKind, Callable[[], Sequence[ReplicaState]]],
        extra: Mapping[ReplicaKind, ExtraCalls],
        models: Models,
    ) -> None:
        """Add them to the registry.

        Args:
            registry: where.
            states: of each kind, what is known of all replicas.
            extra: of each kind, the calls to a second replica.
            models: which of them serve.
        """
        self._states = states
        self._extra = extra
        self._models = models
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return them as they are now."""
        yield from self._replicas()
        calls = CounterMetricFamily(
            "aisle_gateway_extra_calls",
            "Calls to a second replica since the start, by what was asked.",
            labels=("asked",),
        )
        for kind, extra in self._extra.items():
            calls.add_metric((kind.value,), extra.spent)
        yield calls
        info = GaugeMetricFamily(
            "aisle_gateway_model_info", "1 for each model that serves.", labels=("model", "version", "sha256")
        )
        for model in (self._models.embedder, *self._models.classifiers):
            info.add_metric((model.name, model.version, model.sha256), 1)
        yield info

    def _replicas(self) -> Iterator[Metric]:
        replicas = GaugeMetricFamily(
            "aisle_gateway_replicas", "Replicas that are known, by how they stand.", labels=("kind", "state")
        )
        passed_over = dict[ReplicaKind, int]()
        for kind, states in self._states.items():
            counts = Counter(state.standing for state in states())
            passed_over[kind] = counts[Standing.PASSED_OVER]
            for standing in Standing:
                replicas.add_metric((kind.value, standing.value), counts[standing])
        yield replicas
        for name, kind in (("replicas_away", ReplicaKind.SEARCHER), ("tritons_away", ReplicaKind.TRITON)):
            text = f"Of kind {kind.value}, those that are passed over."
            yield GaugeMetricFamily(f"aisle_gateway_{name}", text, value=passed_over[kind])
