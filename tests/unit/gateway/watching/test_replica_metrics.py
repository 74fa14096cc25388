"""What Prometheus reads of the replicas behind a gateway."""

from dataclasses import replace

from prometheus_client import CollectorRegistry

from services.gateway.replicas.choosing import ReplicaState
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.watching.replica_metrics import ReplicaKind, ReplicaMetrics
from tests.support.clocks import ManualClock
from tests.support.gateway import CLASSIFIER, FakeModels

READY = ReplicaState("10.0.0.1:1", is_ready=True, is_away=False, in_flight=0)
DOWN, LOST = replace(READY, is_ready=False), replace(READY, is_away=True)
LOST_AND_DOWN = replace(DOWN, is_away=True)


class Shown:
    """What is shown of a searcher per state, of Tritons that are told later, and of the models."""

    def __init__(self) -> None:
        self.tritons: list[ReplicaState] = []
        self.models = FakeModels()
        self.extra = ExtraCalls(ExtraRules(), ManualClock())
        self._registry = CollectorRegistry()
        ReplicaMetrics(
            self._registry,
            states={
                ReplicaKind.SEARCHER: lambda: (READY, DOWN, LOST, LOST_AND_DOWN, READY, READY),
                ReplicaKind.TRITON: lambda: self.tritons,
            },
            extra={
                ReplicaKind.SEARCHER: self.extra,
                ReplicaKind.TRITON: ExtraCalls(ExtraRules(), ManualClock()),
            },
            models=self.models,
        )

    def value(self, name: str, **labels: str) -> float | None:
        """Return one sample."""
        return self._registry.get_sample_value(f"aisle_gateway_{name}", labels)

    def states(self, kind: str) -> list[float | None]:
        """Return how many of a kind are ready, are not, and are passed over."""
        return [self.value("replicas", kind=kind, state=state) for state in ("ready", "not_ready", "passed_over")]


def test_replicas_are_told_by_kind_and_by_how_they_stand() -> None:
    """One that is merely down is seen before anybody has asked it in vain; every state is there from the start."""
    shown = Shown()
    assert (shown.states("searcher"), shown.states("triton")) == ([3, 1, 2], [0, 0, 0])
    assert (shown.value("replicas_away"), shown.value("tritons_away")) == (2, 0)
    shown.tritons += [READY, LOST]
    assert (shown.states("triton"), shown.value("tritons_away")) == ([1, 0, 1], 1)


def test_second_calls_are_told_by_what_was_asked() -> None:
    """Since the start."""
    shown = Shown()
    shown.extra.take()
    assert [shown.value("extra_calls_total", asked=asked) for asked in ("searcher", "triton")] == [1, 0]


def test_every_model_that_serves_is_told_and_none_that_served() -> None:
    """Two classifiers while one takes the place of the other."""
    shown, new = Shown(), replace(CLASSIFIER, version="c-2", sha256="ef" * 32)

    def served() -> list[float | None]:
        return [
            shown.value("model_info", model="classifier", version=each.version, sha256=each.sha256)
            for each in (CLASSIFIER, new)
        ]

    assert served() == [1, None]
    shown.models.classifiers = (CLASSIFIER, new)
    assert served() == [1, 1]
    shown.models.classifiers = (new,)
    assert served() == [None, 1]
    assert shown.value("model_info", model="embedder", version="e-1", sha256="ab" * 32) == 1
