"""Clocks for tests."""

import asyncio
import heapq


class ManualClock:
    """A clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self.now = 1_000.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Go on."""
        self.now += seconds


class ManualTime(ManualClock):
    """A clock whose sleepers wake up when it is told to go on, in their order; what they do then is waited for."""

    def __init__(self) -> None:
        """Begin somewhere, with nobody asleep."""
        super().__init__()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._slept = 0

    async def sleep(self, seconds: float) -> None:
        """Return once so many seconds have passed."""
        waking = asyncio.Event()
        self._slept += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._slept, waking))
        await waking.wait()

    async def passes(self, seconds: float) -> None:
        """Let time pass."""
        await settled()
        end = self.now + seconds
        while self._sleepers and self._sleepers[0][0] <= end + _ROUNDING:
            due, _, waking = heapq.heappop(self._sleepers)
            self.now = max(self.now, due)
            waking.set()
            await settled()
        self.now = end


_ROUNDING = 1e-9


async def settled() -> None:
    """Let everything run that does not wait for time or for others."""
    for _ in range(20):
        await asyncio.sleep(0)
