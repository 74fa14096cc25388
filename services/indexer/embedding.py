"""Pictures in, the models' answers out: bounded decoding, many requests in flight, patience with a full queue."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from services.common.errors import DeadlineExceeded, Overloaded, Unavailable
from services.indexer.pictures import Picture, Skipped

T = TypeVar("T")
R = TypeVar("R")

_PASSING = (Overloaded, DeadlineExceeded, Unavailable)
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard a build works.

    Attributes:
        batch_size: pictures per request.
        in_flight: requests being prepared or answered at a time; with the batch size this bounds the memory.
        decode_threads: pictures decoded at a time.
        timeout_seconds: time that one request may take.
        patience_seconds: how long one request is repeated while a model is full, late or away.
    """

    batch_size: int
    in_flight: int
    decode_threads: int
    timeout_seconds: float
    patience_seconds: float


async def ask_models(
    pictures: Iterable[Picture],
    *,
    read: Callable[[Picture], T | Skipped],
    ask: Callable[[Sequence[T], float], Awaitable[R]],
    pace: Pace,
    on_batch: Callable[[Sequence[Picture], R | None, Sequence[Skipped]], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Ask models about pictures, in no particular order.

    Args:
        pictures: what to ask about.
        read: decodes one picture to what the models take; called in threads.
        ask: asks about the decoded pictures of a batch, within so many seconds.
        pace: how hard to work.
        on_batch: told of every finished batch: the pictures, the answer about them (None when there are none), and
            those that can't be read. What it raises ends the work.
        sleep: for pauses between attempts.
        clock: seconds, for the patience.

    Raises:
        AisleError: a model fails, or the patience with it is over; work in flight is dropped.
    """
    batches = _batches(pictures, pace.batch_size)
    loop = asyncio.get_running_loop()

    async def work(pool: ThreadPoolExecutor) -> None:
        for batch in batches:
            decoded = await asyncio.gather(*(loop.run_in_executor(pool, read, picture) for picture in batch))
            skipped = [result for result in decoded if isinstance(result, Skipped)]
            inputs = [result for result in decoded if not isinstance(result, Skipped)]
            readable = [p for p, result in zip(batch, decoded, strict=True) if not isinstance(result, Skipped)]
            answer = await _ask_patiently(ask, inputs, pace, sleep=sleep, clock=clock) if inputs else None
            on_batch(readable, answer, skipped)

    with ThreadPoolExecutor(pace.decode_threads, thread_name_prefix="decode") as pool:
        workers = [asyncio.create_task(work(pool)) for _ in range(pace.in_flight)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)


def _batches(pictures: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    iterator = iter(pictures)
    while batch := list(islice(iterator, size)):
        yield batch


async def _ask_patiently(
    ask: Callable[[Sequence[T], float], Awaitable[R]],
    inputs: Sequence[T],
    pace: Pace,
    *,
    sleep: Callable[[float], Awaitable[None]],
    clock: Callable[[], float],
) -> R:
    """Repeat a request with growing pauses while the cause is one that passes."""
    start, pause_seconds = clock(), _FIRST_PAUSE_SECONDS
    while True:
        try:
            return await ask(inputs, pace.timeout_seconds)
        except _PASSING as error:
            waited_seconds = clock() - start
            if waited_seconds + pause_seconds > pace.patience_seconds:
                message = f"{error.message} (gave up after {waited_seconds:.0f} s of repeating)"
                raise type(error)(message) from error
        await sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
