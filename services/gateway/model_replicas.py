"""The two models at several Tritons: one that is lost, or is unloading its models because it ends, is stepped over."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from services.common.errors import DeadlineExceeded
from services.common.recent_times import RecentTimes
from services.gateway.hedging import Hedging
from services.models.client import TritonModels
from services.photo.intake import Pixels

T = TypeVar("T")


class ModelReplicas:
    """Asks the less busy Triton, and another one when that one can't answer; slow ones are waited for.

    A model takes most of an answer's time and all of a core: asking two of them for one answer would cost more than it
    brings. With one Triton this is that Triton.
    """

    def __init__(
        self, tritons: Mapping[str, TritonModels], hedging: Hedging, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Create it.

        Args:
            tritons: by target; they serve the same models.
            hedging: chooses among the targets.
            clock: seconds, monotonic.
        """
        self._tritons = tritons
        self._targets: Sequence[str] = tuple(tritons)
        self._hedging = hedging
        self._clock = clock
        self._times = RecentTimes(clock)

    async def embed(self, pixels: Pixels, timeout_seconds: float) -> npt.NDArray[np.float32]:
        """Return unit vectors, as `TritonModels.embed`."""
        deadline = self._clock() + timeout_seconds
        return await self._ask(lambda triton: self._tritons[triton].embed(pixels, self._left(deadline)))

    async def classify(self, pixels: Pixels, timeout_seconds: float) -> npt.NDArray[np.float32]:
        """Return probabilities, as `TritonModels.classify`."""
        deadline = self._clock() + timeout_seconds
        return await self._ask(lambda triton: self._tritons[triton].classify(pixels, self._left(deadline)))

    async def _ask(self, call: Callable[[str], Awaitable[T]]) -> T:
        reply = await self._hedging.ask(self._targets, call, times=self._times, after_seconds=None)
        return reply.value

    def _left(self, deadline: float) -> float:
        seconds = deadline - self._clock()
        if seconds <= 0:
            raise DeadlineExceeded("no time was left to ask another Triton")
        return seconds
