"""What Prometheus reads of the replicas behind a gateway."""

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from services.gateway.replicas.choosing import ReplicaState
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.watching import replica_metrics
from services.gateway.watching.replica_metrics import ReplicaKind, ReplicaMetrics
from tests.support.clocks import ManualClock
from tests.support.gateway import CLASSIFIER, FakeModels, until

READY = ReplicaState("10.0.0.1:1", is_ready=True, is_away=False, in_flight=0)
DOWN, LOST = replace(READY, is_ready=False), replace(READY, is_away=True)
LOST_AND_DOWN = replace(DOWN, is_away=True)


class Shown:
    """What is shown of a searcher per state, of Tritons that are told later, and of the models."""

    def __init__(self) -> None:
        self.tritons: list[ReplicaState] = []
        self.asked_in = list[int]()
        self.models = FakeModels()
        self.extra = ExtraCalls(ExtraRules(), ManualClock())
        self._registry = CollectorRegistry()
        self.metrics = ReplicaMetrics(
            self._registry,
            states={
                ReplicaKind.SEARCHER: lambda: (READY, DOWN, LOST, LOST_AND_DOWN, READY, READY),
                ReplicaKind.TRITON: self._tritons,
            },
            extra={
                ReplicaKind.SEARCHER: self.extra,
                ReplicaKind.TRITON: ExtraCalls(ExtraRules(), ManualClock()),
            },
            models=self.models,
        )

    def _tritons(self) -> list[ReplicaState]:
        self.asked_in.append(threading.get_ident())
        return self.tritons

    async def looked(self) -> None:
        """Wait until all of what is there now was seen."""
        before = len(self.asked_in)
        await until(lambda: len(self.asked_in) > before)

    def value(self, name: str, **labels: str) -> float | None:
        """Return one sample."""
        return self._registry.get_sample_value(f"aisle_gateway_{name}", labels)

    def states(self, kind: str) -> list[float | None]:
        """Return how many of a kind are ready, are not, and are passed over."""
        return [self.value("replicas", kind=kind, state=state) for state in ("ready", "not_ready", "passed_over")]


@pytest.fixture
async def shown(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shown]:
    """Looked at more often than once a second."""
    monkeypatch.setattr(replica_metrics, "_LOOK_SECONDS", 0.001)
    shown = Shown()
    yield shown
    await shown.metrics.close()


async def test_replicas_are_told_by_kind_and_by_how_they_stand(shown: Shown) -> None:
    """One that is merely down is seen before anybody has asked it in vain; every state is there from the start."""
    assert (shown.states("searcher"), shown.states("triton")) == ([3, 1, 2], [0, 0, 0])
    assert (shown.value("replicas_away"), shown.value("tritons_away")) == (2, 0)
    shown.tritons += [READY, LOST]
    await shown.looked()
    assert (shown.states("triton"), shown.value("tritons_away")) == ([1, 0, 1], 1)


async def test_whoever_reads_in_another_thread_asks_no_connection(shown: Shown) -> None:
    """Only the event loop does, which may have closed it by then; and none is asked after the end."""
    for _ in range(10):
        assert await asyncio.to_thread(shown.states, "triton") == [0, 0, 0]
    assert set(shown.asked_in) == {threading.get_ident()}
    await shown.metrics.close()
    asked = len(shown.asked_in)
    await asyncio.sleep(0.01)
    assert await asyncio.to_thread(shown.states, "searcher") == [3, 1, 2]
    assert len(shown.asked_in) == asked


async def test_second_calls_are_told_by_what_was_asked(shown: Shown) -> None:
    """Since the start."""
    shown.extra.take()
    assert [shown.value("extra_calls_total", asked=asked) for asked in ("searcher", "triton")] == [1, 0]


async def test_every_model_that_serves_is_told_and_none_that_served(shown: Shown) -> None:
    """Two classifiers while one takes the place of the other."""
    new = replace(CLASSIFIER, version="c-2", sha256="ef" * 32)

    def served() -> list[float | None]:
        return [
            shown.value("model_info", model="classifier", version=each.version, sha256=each.sha256)
            for each in (CLASSIFIER, new)
        ]

    assert served() == [1, None]
    shown.models.classifiers = (CLASSIFIER, new)
    await shown.looked()
    assert served() == [1, 1]
    shown.models.classifiers = (new,)
    await shown.looked()
    assert served() == [None, 1]
    assert shown.value("model_info", model="embedder", version="e-1", sha256="ab" * 32) == 1
