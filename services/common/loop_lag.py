"""How late the event loop comes to what is due: what blocks it makes every caller wait."""

import asyncio
import time
from collections.abc import Callable

_EVERY_SECONDS = 0.05


class LoopLag:
    """Wakes up 20 times a second, and tells how much later than asked for.

    One sleep measures all that waited in the loop meanwhile; under 0.1 ms of processor time a second.
    """

    def __init__(self, record: Callable[[float], None], clock: Callable[[], float] = time.monotonic) -> None:
        """Begin; an event loop must be running.

        Args:
            record: hears of each lag, seconds.
            clock: seconds, monotonic.
        """
        self._record = record
        self._clock = clock
        self._measuring = asyncio.create_task(self._measure(), name="loop-lag")

    async def close(self) -> None:
        """End."""
        self._measuring.cancel()
        await asyncio.gather(self._measuring, return_exceptions=True)

    async def _measure(self) -> None:
        while True:
            due = self._clock() + _EVERY_SECONDS
            await asyncio.sleep(_EVERY_SECONDS)
            self._record(max(0.0, self._clock() - due))
