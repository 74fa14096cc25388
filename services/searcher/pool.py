"""The threads that searches run in: as many at once as there are threads, and none that nobody waits for."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import TypeVar

from services.common.admission import Admission, AdmissionRules
from services.common.concurrency_limit import LimitRules
from services.common.criticality import Criticality

T = TypeVar("T")


class SearchPool:
    """Runs blocking searches in threads, and refuses at once what could not be answered in time anyway.

    Attributes:
        threads: searches at once.
    """

    def __init__(
        self,
        threads: int,
        max_waiting: int,
        *,
        prepare_thread: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a pool; its threads start when they are warmed, or with the first searches.

        Args:
            threads: searches at once.
            max_waiting: searches that may wait for a thread; 0 lets none wait.
            prepare_thread: called once in each thread before its first search.
            clock: seconds, monotonic.
        """
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="search", initializer=prepare_thread)
        self.threads = threads
        # A search needs one core and nothing else: more than there are threads can't run, so there is no limit to find.
        self._admission = Admission(AdmissionRules(LimitRules(least=threads, most=threads), max_waiting), clock)

    @property
    def in_flight(self) -> int:
        """Searches that have a thread."""
        return self._admission.in_flight

    @property
    def waiting(self) -> int:
        """Searches that wait for one."""
        return self._admission.waiting

    async def warm(self, search: Callable[[], object]) -> None:
        """Run a search in every thread: the first one in each would take twice as long as those that follow."""
        all_here = Barrier(self.threads)

        def once_in_each() -> None:
            all_here.wait()
            search()

        await asyncio.gather(*(asyncio.wrap_future(self._executor.submit(once_in_each)) for _ in range(self.threads)))

    async def run(
        self,
        search: Callable[[], T],
        time_remaining_seconds: float | None = None,
        criticality: Criticality = Criticality.INTERACTIVE,
        *,
        is_usual: bool = True,
    ) -> T:
        """Run a search in a thread; when the caller is cancelled before it starts, it never does.

        When the caller is cancelled later, the thread goes on, and its place is taken until it is done.

        Args:
            search: blocking work without arguments.
            time_remaining_seconds: until the caller's deadline; None when it has none.
            criticality: who waits for it.
            is_usual: whether what it takes says something about what others take.

        Raises:
            Overloaded: too many searches wait already, or it would wait too long.
            DeadlineExceeded: less time is left than searches take; it was not run.
            NotServing: the pool was closed while it waited.
        """
        async with self._admission.admitted(criticality, time_remaining_seconds, is_usual=is_usual):
            running = self._executor.submit(search)
            try:
                return await asyncio.wrap_future(running)
            finally:
                await _end_of(running)

    async def close(self) -> None:
        """Wait for the searches that run, drop those that wait."""
        self._admission.close()
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)


async def _end_of(running: "Future[T]") -> None:
    """Wait until a thread has ended its work, however often the waiting is cancelled."""
    if running.done():
        return
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    running.add_done_callback(lambda _: loop.call_soon_threadsafe(ended.set))
    while not ended.is_set():
        with suppress(asyncio.CancelledError):
            await ended.wait()
