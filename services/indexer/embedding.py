"""Pictures in, vectors out: bounded decoding, many requests in flight, patience with a full queue."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.errors import DeadlineExceeded, Overloaded, Unavailable
from services.indexer.pictures import Picture, Skipped

_PASSING = (Overloaded, DeadlineExceeded, Unavailable)
_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class Embedder(Protocol):
    """What turns pixels into vectors."""

    async def embed(self, pixels: NDArray[np.uint8], timeout_seconds: float) -> NDArray[np.float32]:
        """Return unit vectors, float32 `(n, dimension)`, of RGB pixels, uint8 `(n, height, width, 3)`."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard a build works.

    Attributes:
        batch_size: pictures per request.
        in_flight: requests being prepared or answered at a time; with the batch size this bounds the memory.
        decode_threads: pictures decoded at a time.
        timeout_seconds: time that one request may take.
        patience_seconds: how long one request is repeated while the embedder is full, late or away.
    """

    batch_size: int
    in_flight: int
    decode_threads: int
    timeout_seconds: float
    patience_seconds: float


async def embed_pictures(
    pictures: Iterable[Picture],
    *,
    read_pixels: Callable[[Picture], NDArray[np.uint8] | Skipped],
    embedder: Embedder,
    pace: Pace,
    on_batch: Callable[[Sequence[Picture], NDArray[np.float32], Sequence[Skipped]], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Embed pictures, in no particular order.

    Args:
        pictures: what to embed.
        read_pixels: decodes one picture; called in threads.
        embedder: where the pixels go.
        pace: how hard to work.
        on_batch: told of every finished batch: the pictures, their vectors, and those that can't be read. What it
            raises ends the work.
        sleep: for pauses between attempts.
        clock: seconds, for the patience.

    Raises:
        AisleError: the embedder fails, or the patience with it is over; work in flight is dropped.
    """
    batches = _batches(pictures, pace.batch_size)
    loop = asyncio.get_running_loop()

    async def work(pool: ThreadPoolExecutor) -> None:
        for batch in batches:
            decoded = await asyncio.gather(*(loop.run_in_executor(pool, read_pixels, picture) for picture in batch))
            skipped = [result for result in decoded if isinstance(result, Skipped)]
            pixels = [result for result in decoded if not isinstance(result, Skipped)]
            readable = [p for p, result in zip(batch, decoded, strict=True) if not isinstance(result, Skipped)]
            if readable:
                vectors = await _embed_patiently(embedder, np.stack(pixels), pace, sleep=sleep, clock=clock)
            else:
                vectors = np.empty((0, 0), dtype=np.float32)
            on_batch(readable, vectors, skipped)

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


async def _embed_patiently(
    embedder: Embedder,
    pixels: NDArray[np.uint8],
    pace: Pace,
    *,
    sleep: Callable[[float], Awaitable[None]],
    clock: Callable[[], float],
) -> NDArray[np.float32]:
    """Repeat a request with growing pauses while the cause is one that passes."""
    start, pause_seconds = clock(), _FIRST_PAUSE_SECONDS
    while True:
        try:
            return await embedder.embed(pixels, pace.timeout_seconds)
        except _PASSING as error:
            waited_seconds = clock() - start
            if waited_seconds + pause_seconds > pace.patience_seconds:
                message = f"{error.message} (gave up after {waited_seconds:.0f} s of repeating)"
                raise type(error)(message) from error
        await sleep(pause_seconds)
        pause_seconds = min(2 * pause_seconds, _LONGEST_PAUSE_SECONDS)
