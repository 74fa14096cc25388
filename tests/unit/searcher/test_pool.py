"""The pool bounds what runs and what waits, and runs nothing that nobody waits for."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from services.common.errors import DeadlineExceeded, InvalidArgument, NotServing, Overloaded
from services.searcher.pool import SearchPool


class Gate:
    """A search that waits until it is let through, and counts."""

    def __init__(self) -> None:
        self.runs = 0
        self.most_at_once = 0
        self._inside = 0
        self._lock = threading.Lock()
        self._open = threading.Event()
        self._entered = threading.Semaphore(0)

    def __call__(self) -> int:
        with self._lock:
            self.runs += 1
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
            number = self.runs
        self._entered.release()
        assert self._open.wait(10)
        with self._lock:
            self._inside -= 1
        return number

    async def entered(self) -> None:
        """Wait until one more search has started."""
        assert await asyncio.to_thread(self._entered.acquire, timeout=10)

    def open(self) -> None:
        """Let all searches through."""
        self._open.set()


@asynccontextmanager
async def pool_of(
    threads: int, max_waiting: int, prepare: Callable[[], None] = lambda: None, clock: Callable[[], float] | None = None
) -> AsyncIterator[SearchPool]:
    """A pool that is closed in the end."""
    pool = SearchPool(threads, max_waiting, prepare_thread=prepare, **({"clock": clock} if clock else {}))
    try:
        yield pool
    finally:
        await pool.close()


async def test_never_more_at_once_than_threads() -> None:
    """Ten searches in two threads: all are answered, two at a time."""
    gate = Gate()
    async with pool_of(2, 8) as pool:
        searches = [asyncio.create_task(pool.run(gate)) for _ in range(10)]
        await gate.entered()
        await gate.entered()
        gate.open()

        assert sorted(await asyncio.gather(*searches)) == list(range(1, 11))
    assert gate.most_at_once == 2


async def test_warming_runs_in_every_thread_once() -> None:
    """However quick the first one is, it does not take the others' turns."""
    threads: list[str] = []
    async with pool_of(3, 0) as pool:
        await pool.warm(lambda: threads.append(threading.current_thread().name))
        await pool.run(lambda: threads.append(threading.current_thread().name))

    assert len(set(threads)) == 3
    assert len(threads) == 4


async def test_beyond_the_queue_it_is_overloaded_and_says_when_to_come_back() -> None:
    """One runs, one waits, the third is refused at once; when the two are done, there is room again."""
    gate = Gate()
    async with pool_of(1, 1) as pool:
        accepted = [asyncio.create_task(pool.run(gate)) for _ in range(2)]
        await gate.entered()

        with pytest.raises(Overloaded) as refusal:
            await pool.run(gate)

        assert refusal.value.retry_after_seconds is not None
        assert refusal.value.retry_after_seconds > 0
        gate.open()
        await asyncio.gather(*accepted)
        assert await pool.run(lambda: "room") == "room"
    assert gate.runs == 2


async def test_a_search_that_failed_gives_its_place_back() -> None:
    """An error reaches the caller as it is, and takes no place with it."""

    def fail() -> None:
        raise InvalidArgument("no")

    async with pool_of(1, 0) as pool:
        for _ in range(3):
            with pytest.raises(InvalidArgument, match="no"):
                await pool.run(fail)


async def test_a_deadline_that_passed_while_waiting_is_not_searched_for() -> None:
    """The deadline passes while another search holds the only thread: the search never runs."""
    seconds = [100.0]
    gate, late = Gate(), Gate()
    late.open()
    async with pool_of(1, 1, clock=lambda: seconds[0]) as pool:
        first = asyncio.create_task(pool.run(gate, None))
        await gate.entered()
        second = asyncio.create_task(pool.run(late, 0.5))
        await asyncio.sleep(0)
        seconds[0] += 0.5
        gate.open()

        with pytest.raises(DeadlineExceeded):
            await second
        await first
    assert late.runs == 0


async def test_a_search_within_its_deadline_runs() -> None:
    """Time left is time to search."""
    async with pool_of(1, 0) as pool:
        assert await pool.run(lambda: 7, 5.0) == 7


async def test_a_cancelled_caller_s_search_never_starts() -> None:
    """A caller that goes away while waiting frees its place at once, and its search never runs."""
    gate, unwanted = Gate(), Gate()
    unwanted.open()
    async with pool_of(1, 1) as pool:
        running = asyncio.create_task(pool.run(gate))
        await gate.entered()
        waiting = asyncio.create_task(pool.run(unwanted))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        next_in_line = asyncio.create_task(pool.run(lambda: "next"))
        await asyncio.sleep(0)
        gate.open()

        assert await next_in_line == "next"
        await running
    assert unwanted.runs == 0


async def test_each_thread_is_prepared_once() -> None:
    """FAISS's thread count is a thread's own: every thread sets it before its first search, and only then."""
    prepared: list[int] = []
    async with pool_of(2, 8, prepare=lambda: prepared.append(threading.get_ident())) as pool:
        threads = await asyncio.gather(*(pool.run(threading.get_ident) for _ in range(10)))

    assert set(threads) <= set(prepared)
    assert len(set(prepared)) == len(prepared) <= 2


async def test_closing_waits_for_what_runs_and_drops_what_waits() -> None:
    """The search that runs is answered; the one that waits is told to ask elsewhere."""
    gate, dropped = Gate(), Gate()
    async with pool_of(1, 1) as pool:
        running = asyncio.create_task(pool.run(gate))
        await gate.entered()
        waiting = asyncio.create_task(pool.run(dropped))
        await asyncio.sleep(0)
        closing = asyncio.create_task(pool.close())
        with pytest.raises(NotServing):
            await waiting
        gate.open()
        await closing

        assert await running == 1
    assert dropped.runs == 0


async def test_a_search_that_runs_keeps_its_place_though_its_caller_has_gone() -> None:
    """Nobody can stop its thread: to let the next one in would only make it wait where nobody counts."""
    gate = Gate()
    async with pool_of(1, 0) as pool:
        gone = asyncio.create_task(pool.run(gate))
        await gate.entered()
        gone.cancel()
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded):
            await pool.run(gate)
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert await pool.run(gate) == 2
