"""Triton called straight from the client, and everything else by function call: the limit, but for Triton.

What this is slower by than the limit is Triton's price; what the system is slower by than this is the price of gateway,
searchers and the calls between them.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Self, TypeVar

import faiss

from services.benchmarks.speed.answering import Answering
from services.common.cores import available_cores
from services.gateway.answering.merging import Hit
from services.models.client import TritonModels

_IN_FLIGHT = 8
"""Enough that no core waits; few enough that none waits for the second after which Triton's queues refuse it."""
_TIMEOUT_SECONDS = 30.0

T = TypeVar("T")


@asynccontextmanager
async def _first_failure() -> AsyncIterator[None]:
    """Raise the first failure of a group of tasks by itself, once the others have ended."""
    try:
        yield
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None


class Straight:
    """Answers photos as the limit does, with the models asked by RPC. Make it and close it in the same event loop."""

    def __init__(self, triton: str, answering: Answering) -> None:
        """Connect; nothing is sent yet.

        Args:
            triton: its `host:port`.
            answering: all but the models.
        """
        self._models = TritonModels(triton)
        self._answering = answering
        one_thread = partial(faiss.omp_set_num_threads, 1)  # as in a searcher
        self._workers = ThreadPoolExecutor(available_cores(), initializer=one_thread)

    async def __aenter__(self) -> Self:
        """Use it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connection and end its threads."""
        await self._models.close()
        self._workers.shutdown()

    async def answer(self, image: bytes) -> tuple[Hit, ...]:
        """Return the best products in one photo as soon as can be: the models work side by side.

        Raises:
            AisleError: it is no usable photo, or Triton gives no answer.
        """
        for_embedder, for_classifier = await self._in_thread(lambda: self._answering.decoded(image))
        async with _first_failure(), asyncio.TaskGroup() as models:
            embedding = models.create_task(self._models.embed(for_embedder[None], _TIMEOUT_SECONDS))
            classification = models.create_task(self._models.classify(for_classifier[None], _TIMEOUT_SECONDS))
        found = partial(self._answering.found, [image], embedding.result(), classification.result())
        [hits] = await self._in_thread(found)
        return hits

    async def one_by_one(self, images: Sequence[bytes]) -> list[float]:
        """Return how long each photo took, seconds, when no other is in work."""
        times = []
        for image in images:
            began = time.perf_counter()
            await self.answer(image)
            times.append(time.perf_counter() - began)
        return times

    async def at_full_use(self, images: Sequence[bytes]) -> float:
        """Answer these photos, several at a time, and return how many it were a second.

        Raises:
            AisleError: as `answer`; no other photo is in work then.
        """
        waiting = iter(images)
        began = time.perf_counter()

        async def ask() -> None:
            for image in waiting:
                await self.answer(image)

        async with _first_failure(), asyncio.TaskGroup() as callers:
            for _ in range(_IN_FLIGHT):
                callers.create_task(ask())
        return len(images) / (time.perf_counter() - began)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work)
