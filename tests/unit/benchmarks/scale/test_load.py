"""Load: callers who never rest, and what they noted."""

import asyncio
import time

from services.benchmarks.scale.load import Load
from services.common.errors import Unavailable


class FakeGateway:
    """Answers after a moment, and fails on request; counts who waits."""

    def __init__(self) -> None:
        self.photos: list[bytes] = []
        self.waiting = self.most_waiting = 0

    async def search(self, photo: bytes) -> object:
        """Answer, or fail on the photo `bad`."""
        self.photos.append(photo)
        self.waiting += 1
        self.most_waiting = max(self.most_waiting, self.waiting)
        await asyncio.sleep(0.002)
        self.waiting -= 1
        if photo == b"bad":
            raise Unavailable("gone")
        return photo


async def test_photos_are_searched_again_and_again_and_failures_are_counted_apart() -> None:
    """Two at a time; every third photo fails."""
    gateway = FakeGateway()
    load = Load(gateway, [b"first", b"second", b"bad"])
    async with load.running():
        await asyncio.sleep(0.1)
    asked = len(gateway.photos)
    assert gateway.most_waiting == 2
    assert gateway.photos[:4] == [b"first", b"second", b"bad", b"first"]
    assert load.errors >= 1
    assert asked - 2 <= load.errors + len(load.since(0.0)) <= asked
    await asyncio.sleep(0.01)
    assert len(gateway.photos) == asked


async def test_only_calls_that_began_later_are_told() -> None:
    """So that a phase has its own latencies."""
    load = Load(FakeGateway(), [b"photo"])
    async with load.running():
        await asyncio.sleep(0.03)
        moment = time.perf_counter()
        await asyncio.sleep(0.03)
    assert 0 < len(load.since(moment)) < len(load.since(0.0))
    assert all(seconds >= 0.002 for seconds in load.since(0.0))
