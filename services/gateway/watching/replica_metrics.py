"""What the gateway knows of the replicas behind it, for Prometheus.

Prometheus reads in a thread of its own, and connections belong to the event loop, which opens and closes them: so the
loop looks at them now and then, and whoever reads gets what was seen last.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.common.periodic import again_and_again
from services.gateway.answering.ports import Models
from services.gateway.replicas.choosing import ReplicaState, Standing
from services.gateway.replicas.extra_calls import ExtraCalls
from services.models.metadata import ModelInfo

_LOOK_SECONDS: Final = 1.0


class ReplicaKind(Enum):
    """What a replica is one of."""

    SEARCHER = "searcher"
    TRITON = "triton"


@dataclass(frozen=True, slots=True)
class _Seen:
    """What there was at one moment: how many replicas of each kind stand how, and the models that serve."""

    standings: Mapping[ReplicaKind, Counter[Standing]]
    models: Sequence[ModelInfo]


class ReplicaMetrics(Collector):
    """How many replicas there are and how they stand, which models they serve, and what was asked a second time.

    Make it and close it in one event loop; any thread may read it.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        states: Mapping[ReplicaKind, Callable[[], Sequence[ReplicaState]]],
        extra: Mapping[ReplicaKind, ExtraCalls],
        models: Models,
    ) -> None:
        """Add them to the registry, and look once a second from now on.

        Args:
            registry: where.
            states: of each kind, what is known of all replicas; asked in the event loop only.
            extra: of each kind, the calls to a second replica.
            models: which of them serve; asked in the event loop only.
        """
        self._states = states
        self._extra = extra
        self._models = models
        self._seen = self._now()
        registry.register(self)
        self._looking = asyncio.create_task(again_and_again("replica_metrics", self._look, _LOOK_SECONDS))

    async def close(self) -> None:
        """Look no more."""
        self._looking.cancel()
        await asyncio.gather(self._looking, return_exceptions=True)

    def collect(self) -> Iterator[Metric]:
        """Return them as they were seen last."""
        seen = self._seen
        yield from _replicas(seen.standings)
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
        for model in seen.models:
            info.add_metric((model.name, model.version, model.sha256), 1)
        yield info

    async def _look(self) -> None:
        self._seen = self._now()

    def _now(self) -> _Seen:
        standings = {kind: Counter(state.standing for state in states()) for kind, states in self._states.items()}
        return _Seen(standings, (self._models.embedder, *self._models.classifiers))


def _replicas(standings: Mapping[ReplicaKind, Counter[Standing]]) -> Iterator[Metric]:
    replicas = GaugeMetricFamily(
        "aisle_gateway_replicas", "Replicas that are known, by how they stand.", labels=("kind", "state")
    )
    for kind, counts in standings.items():
        for standing in Standing:
            replicas.add_metric((kind.value, standing.value), counts[standing])
    yield replicas
    for name, kind in (("replicas_away", ReplicaKind.SEARCHER), ("tritons_away", ReplicaKind.TRITON)):
        text = f"Of kind {kind.value}, those that are passed over."
        yield GaugeMetricFamily(f"aisle_gateway_{name}", text, value=standings[kind][Standing.PASSED_OVER])
