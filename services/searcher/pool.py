"""The bounded executor that searches run in: so many at once, so many waiting, none that nobody waits for."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from services.common.errors import DeadlineExceeded, Overloaded

T = TypeVar("T")

_MIN_RETRY_SECONDS = 0.01


class SearchPool:
    """Runs blocking searches in threads, and refuses at once what could not be answered in time anyway."""

    def __init__(
        self,
        threads: int,
        max_waiting: int,
        *,
        prepare_thread: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a pool; its threads start with the first searches.

        Args:
            threads: searches at once.
            max_waiting: searches that may wait for a thread; 0 lets none wait.
            prepare_thread: called once in each thread before its first search.
            clock: seconds, monotonic.
        """
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="search", initializer=prepare_thread)
        self._places = threading.Semaphore(threads + max_waiting)
        self._threads = threads
        self._max_waiting = max_waiting
        self._clock = clock
        self._seconds_per_search = 0.0

    async def run(self, search: Callable[[], T], time_remaining_seconds: float | None = None) -> T:
        """Run a search in a thread; when the caller is cancelled before it starts, it never does.

        Args:
            search: blocking work without arguments.
            time_remaining_seconds: until the caller's deadline; None when it has none.

        Raises:
            Overloaded: too many searches wait already.
            DeadlineExceeded: the deadline passed before a thread was free; the search was not run.
        """
        if not self._places.acquire(blocking=False):
            raise Overloaded(
                f"{self._max_waiting} searches wait already; ask another replica or come back later",
                retry_after_seconds=self._seconds_to_empty_the_queue(),
            )
        deadline = None if time_remaining_seconds is None else self._clock() + time_remaining_seconds
        work = self._executor.submit(self._run_unless_late, search, deadline)
        work.add_done_callback(lambda _: self._places.release())
        return await asyncio.wrap_future(work)

    async def close(self) -> None:
        """Wait for the searches that run, drop those that wait."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)

    def _run_unless_late(self, search: Callable[[], T], deadline: float | None) -> T:
        started = self._clock()
        if deadline is not None and started >= deadline:
            raise DeadlineExceeded("the deadline passed while the search waited for a thread; it was not run")
        try:
            return search()
        finally:
            # A moving average over about ten searches; that two threads may lose one sample does no harm.
            self._seconds_per_search += (self._clock() - started - self._seconds_per_search) / 10

    def _seconds_to_empty_the_queue(self) -> float:
        return max(_MIN_RETRY_SECONDS, self._seconds_per_search * (self._max_waiting + 1) / self._threads)
