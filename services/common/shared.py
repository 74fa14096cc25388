"""One piece of work for all who ask for it at about the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Work that runs at most once at a time, and whose result holds for a while. Use it in one event loop."""

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float) -> None:
        """Begin nothing yet.

        Args:
            work: what is asked for.
            seconds: how old a result may be, counted from when the work for it began.
        """
        self._work = work
        self._seconds = seconds
        self._running: asyncio.Task[T] | None = None
        self._began = 0.0

    async def get(self) -> T:
        """Return what the work found; an error that it raises is everybody's who waits for it, and is not kept.

        Who is cancelled cancels nothing for the others.
        """
        now = asyncio.get_running_loop().time()
        running = self._running
        if running is None or (running.done() and (now - self._began >= self._seconds or _failed(running))):
            self._began = now
            running = self._running = asyncio.create_task(self._work())
        return await asyncio.shield(running)


def _failed(task: "asyncio.Task[Any]") -> bool:
    return task.cancelled() or task.exception() is not None
