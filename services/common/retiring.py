"""What is out of use but may still have calls in work: closed once they had their time."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress


class Retiring:
    """Closes channels some time after they went out of use. Use it in one event loop.

    A grace given to a channel's own `close` finds no calls that other tasks await.
    """

    def __init__(self, grace_seconds: float) -> None:
        """Create it; `grace_seconds` is how long calls may last."""
        self._grace_seconds = grace_seconds
        self._is_over = asyncio.Event()
        self._tasks = set[asyncio.Task[None]]()

    def retire(self, close: Callable[[], Awaitable[None]], *, had_calls: bool = True) -> None:
        """Have something closed after the grace, or as soon as this is closed; at once if nobody ever called by it."""
        task = asyncio.create_task(self._close_later(close, self._grace_seconds if had_calls else 0.0))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Close all that waits, at once."""
        self._is_over.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close_later(self, close: Callable[[], Awaitable[None]], grace_seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._is_over.wait(), grace_seconds)
        await close()
