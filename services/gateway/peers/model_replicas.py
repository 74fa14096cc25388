"""The two models, or the one that is both, at several Tritons; one that is lost or about to end is stepped over."""

import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from services.common.errors import DeadlineExceeded, ModelUnavailable, Unavailable
from services.common.recent_times import RecentTimes
from services.gateway.peers.same_models import SameModels
from services.gateway.replicas.hedging import Hedging
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER
from services.photo.intake import Pixels

T = TypeVar("T")


class _Model(Generic[T]):
    """One model, wherever it is served."""

    def __init__(
        self,
        names: Sequence[str],
        targets: Collection[str],
        same_models: SameModels,
        hedging: Hedging,
        clock: Callable[[], float],
    ) -> None:
        self._names = names
        self._targets = targets
        self._same_models = same_models
        self._hedging = hedging
        self._clock = clock
        self._times = RecentTimes(clock)

    async def ask(self, call: Callable[[str, float], Awaitable[T]], timeout_seconds: float) -> T:
        """Call it with a target and the seconds that are left."""
        deadline = self._clock() + timeout_seconds

        def left() -> float:
            seconds = deadline - self._clock()
            if seconds <= 0:
                raise DeadlineExceeded("no time was left to ask another Triton")
            return seconds

        async def ask(target: str) -> T:
            for name in self._names:
                await self._same_models.check(target, name, left())
            connection = self._same_models.connection(target)
            answer = await call(target, left())
            for name in self._names:
                await self._same_models.check_answer(target, name, connection, left())
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
        same_models: SameModels,
        embedding: Hedging,
        classifying: Hedging,
        *,
        are_joined: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create it.

        Args:
            tritons: by target; they may join and leave.
            same_models: looks at a Triton before it is asked.
            embedding: chooses among the targets for the embedder, or for the model that is both.
            classifying: chooses for the classifier: a Triton can lose one model and keep the other.
            are_joined: whether one model is both.
            clock: seconds, monotonic.
        """
        self.are_joined = are_joined
        self._tritons = tritons
        self._embedder = _Model[npt.NDArray[np.float32]]((EMBEDDER,), tritons, same_models, embedding, clock)
        self._classifier = _Model[npt.NDArray[np.float32]]((CLASSIFIER,), tritons, same_models, classifying, clock)
        self._both = _Model[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]](
            (EMBEDDER, CLASSIFIER), tritons, same_models, embedding, clock
        )

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> npt.NDArray[np.float32]:
        """Return unit vectors, as `TritonModels.embed`."""
        return await self._embedder.ask(
            lambda target, seconds: self._tritons[target].embed(pixels, seconds), timeout_seconds
        )

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> npt.NDArray[np.float32]:
        """Return probabilities, as `TritonModels.classify`."""
        return await self._classifier.ask(
            lambda target, seconds: self._tritons[target].classify(pixels, seconds), timeout_seconds
        )

    async def embed_and_classify(
        self, pixels: Pixels, timeout_seconds: float
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return both, as `TritonModels.embed_and_classify`."""
        return await self._both.ask(
            lambda target, seconds: self._tritons[target].embed_and_classify(pixels, seconds), timeout_seconds
        )
