"""Callers who send photos at an even pace, whatever becomes of them, through the client that callers use."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from services.client import AisleClient
from services.client.types import Policy
from services.common.errors import AisleError
from services.loadtest.synthetic import synthetic_jpeg

_PHOTOS: Final = 8
_BYTES: Final = 20_000
_TIMEOUT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sent:
    """One photo.

    Attributes:
        at: when it was sent, seconds of the monotonic clock.
        seconds: how long it took.
        error: the reason of its error; empty when it was answered.
        is_partial: whether its answer lacks a shard.
    """

    at: float
    seconds: float
    error: str
    is_partial: bool

    @property
    def is_whole(self) -> bool:
        """Whether it was answered in full."""
        return not self.error and not self.is_partial


class Traffic:
    """The photos so far; `traffic` sends more."""

    def __init__(self) -> None:
        """Begin without any."""
        self.sent: list[Sent] = []

    def since(self, at: float) -> Sequence[Sent]:
        """Return what was sent from then on."""
        return [each for each in self.sent if each.at >= at]


@asynccontextmanager
async def traffic(target: str, per_second: float) -> AsyncIterator[Traffic]:
    """Send photos for the time of the context.

    Args:
        target: the gateways.
        per_second: photos.
    """
    photos = itertools.cycle([synthetic_jpeg(_BYTES, seed) for seed in range(_PHOTOS)])
    made = Traffic()

    async def send(client: AisleClient, photo: bytes) -> None:
        at, error, is_partial = time.monotonic(), "", False
        try:
            result = await client.search(photo, policy=Policy.TOP_1, timeout_seconds=_TIMEOUT_SECONDS)
            is_partial = result.coverage.partial
        except AisleError as failed:
            error = f"{failed.reason}: {failed.message}"
        made.sent.append(Sent(at, time.monotonic() - at, error, is_partial))

    async def go_on(client: AisleClient) -> None:
        due = time.monotonic()
        async with asyncio.TaskGroup() as flying:
            while True:
                flying.create_task(send(client, next(photos)))
                due += 1 / per_second
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async with AisleClient(target) as client:
        going = asyncio.create_task(go_on(client))
        try:
            yield made
        finally:
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
