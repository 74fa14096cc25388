"""Photos searched again and again, two at a time, with a note of when each call began and how long it took."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from services.common.errors import AisleError

_IN_FLIGHT = 2


class Target(Protocol):
    """A gateway, as `services.client.AisleClient` speaks to it."""

    async def search(self, photo: bytes) -> object:
        """Find the products in one photo, or raise an AisleError."""
        ...


class Load:
    """Callers that send the next photo as soon as they have an answer."""

    def __init__(self, target: Target, images: Sequence[bytes], in_flight: int = _IN_FLIGHT) -> None:
        """Create them; nothing is sent yet.

        Args:
            target: who is asked.
            images: encoded photos, at least one.
            in_flight: callers.
        """
        self._target = target
        self._images = images
        self._in_flight = in_flight
        self._calls: list[tuple[float, float]] = []
        self.errors = 0

    def since(self, moment: float) -> list[float]:
        """Return how long the calls took, in seconds, that began at a moment of `time.perf_counter` or later."""
        return [seconds for began, seconds in self._calls if began >= moment]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep calling for the time of the context."""
        images = itertools.cycle(self._images)
        callers = [asyncio.create_task(self._call(images)) for _ in range(self._in_flight)]
        try:
            yield
        finally:
            for caller in callers:
                caller.cancel()
            await asyncio.gather(*callers, return_exceptions=True)

    async def _call(self, images: Iterator[bytes]) -> None:
        for image in images:
            began = time.perf_counter()
            try:
                await self._target.search(image)
            except AisleError:
                self.errors += 1
            else:
                self._calls.append((began, time.perf_counter() - began))
