"""The two models, or the one that is both, at several Tritons; one that is lost or about to end is stepped over."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

from services.common.errors import DeadlineExceeded, ModelUnavailable, Unavailable
from services.common.recent_times import RecentTimes
from services.gateway.answering.ports import Classified, Embedding
from services.gateway.peers.served_models import ServedModels
from services.gateway.replicas.hedging import Hedging
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER, ModelInfo
from services.photo.intake import Pixels

T = TypeVar("T")


Call = Callable[[str, Sequence[ModelInfo], Callable[[], float]], Awaitable[T]]
"""Asks a target, given what its models say about themselves and how many seconds are left."""


class _Model(Generic[T]):
    """One model, or the two halves of one, wherever it is served."""

    def __init__(
        self,
        names: Sequence[str],
        targets: Collection[str],
        served: ServedModels,
        hedging: Hedging,
        clock: Callable[[], float],
    ) -> None:
        self._names = names
        self._targets = targets
        self._served = served
        self._hedging = hedging
        self._clock = clock
        self._times = RecentTimes(clock)

    async def ask(self, call: Call[T], timeout_seconds: float) -> T:
        """Call it at one Triton or, when that one is lost, at another."""
        deadline = self._clock() + timeout_seconds

        def left() -> float:
            seconds = deadline - self._clock()
            if seconds <= 0:
                raise DeadlineExceeded("no time was left to ask another Triton")
            return seconds

        async def ask(target: str) -> T:
            connection = self._served.connection(target)
            models = [await self._served.look(target, name, left()) for name in self._names]
            answer = await call(target, models, left)
            for model in models:
                await self._served.confirm(target, model, connection, left())
            return answer

        try:
            reply = await self._hedging.ask(tuple(self._targets), ask, times=self._times, after_seconds=None)
        except ModelUnavailable:
            raise
        except Unavailable as lost:
            raise ModelUnavailable(
                f"model {' and '.join(self._names)}: {lost.message}", retry_after_seconds=lost.retry_after_seconds
            ) from None
        return reply.value


class ModelReplicas:
    """Asks the less busy Triton, and another one when that one can't answer; slow ones are waited for.

    A model takes most of an answer's time and all of a core: asking two of them for one answer would cost more than it
    brings. With one Triton this is that Triton. When all seem to be lost, photos are refused at once but for one
    each half second, which finds out when that is over.
    """

    def __init__(
        self,
        tritons: Mapping[str, TritonModels],
        served: ServedModels,
        embedding: Hedging,
        classifying: Hedging,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create it.

        Args:
            tritons: by target; they may join and leave.
            served: looks at a Triton before it is asked.
            embedding: chooses among the targets for the embedder, or for the model that is both.
            classifying: chooses for the classifier: a Triton can lose one model and keep the other.
            clock: seconds, monotonic.
        """
        self._tritons = tritons
        self._served = served
        self._embedder = _Model[Embedding]((EMBEDDER,), tritons, served, embedding, clock)
        self._classifier = _Model[Classified]((CLASSIFIER,), tritons, served, classifying, clock)
        self._both = _Model[tuple[Embedding, Classified]]((EMBEDDER, CLASSIFIER), tritons, served, embedding, clock)

    @property
    def embedder(self) -> ModelInfo:
        """The one whose vectors are searched for."""
        return self._served.embedder

    @property
    def classifiers(self) -> tuple[ModelInfo, ...]:
        """Those that serve, the one seen last at the end."""
        return self._served.classifiers

    @property
    def are_joined(self) -> bool:
        """Whether one model is both."""
        return self._served.are_joined

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> Embedding:
        """Return unit vectors, as `TritonModels.embed`."""

        async def call(target: str, _: Sequence[ModelInfo], left: Callable[[], float]) -> Embedding:
            return await self._tritons[target].embed(pixels, left())

        return await self._embedder.ask(call, timeout_seconds)

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> Classified:
        """Return probabilities, as `TritonModels.classify`, and of which classifier they are."""

        async def call(target: str, models: Sequence[ModelInfo], left: Callable[[], float]) -> Classified:
            return Classified(await self._tritons[target].classify(pixels, left()), models[0])

        return await self._classifier.ask(call, timeout_seconds)

    async def embed_and_classify(self, pixels: Pixels, timeout_seconds: float) -> tuple[Embedding, Classified]:
        """Return both, as `TritonModels.embed_and_classify`; from two calls to a Triton that has just been split."""

        async def call(
            target: str, models: Sequence[ModelInfo], left: Callable[[], float]
        ) -> tuple[Embedding, Classified]:
            triton, (embedder, classifier) = self._tritons[target], models
            if embedder.joined and classifier.joined:
                vectors, probabilities = await triton.embed_and_classify(pixels, left())
            else:
                vectors = await triton.embed(pixels, left())
                probabilities = await triton.classify(pixels, left())
            return vectors, Classified(probabilities, classifier)

        return await self._both.ask(call, timeout_seconds)
