"""Many requests in work at once over one stream: bounded, answered as they are ready, none lost at its end.

Knows no gRPC.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TypeVar

from services.common.errors import AisleError, NotServing

Request = TypeVar("Request")
Response = TypeVar("Response")


async def answers_of(
    requests: AsyncIterator[Request],
    answer: Callable[[Request], Awaitable[Response]],
    *,
    in_flight: int,
    draining: asyncio.Event,
) -> AsyncGenerator[Response, None]:
    """Yield the answer to each request, in the order in which they are ready.

    A request keeps its place until its answer was taken, and without a place none is read: a caller that does not
    take its answers can't fill our memory. Closing the generator cancels what is in work.

    Args:
        requests: read until they end, or until `draining` is set.
        answer: gives one answer; what it raises ends the stream, so the errors of single requests must be answers.
        in_flight: places, at least 1.
        draining: set when this process is about to end.

    Raises:
        NotServing: draining cut the requests short; all that were read are answered.
        AisleError: a request that can't be read; all that were read before it are answered.
        ExceptionGroup: the requests broke off; what is in work is cancelled.
    """
    ready: asyncio.Queue[Response | None] = asyncio.Queue()
    places = asyncio.Semaphore(in_flight)

    async def work(request: Request) -> None:
        ready.put_nowait(await answer(request))

    async def read(group: asyncio.TaskGroup) -> AisleError | None:
        while True:
            await places.acquire()  # before reading: what was read must not be lost when the reading is cut short
            try:
                request = await anext(requests)
            except StopAsyncIteration:
                return None
            except AisleError as unreadable:
                return unreadable
            group.create_task(work(request))

    async def run() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                reading = group.create_task(read(group))
                cutting = group.create_task(_cancel_once(draining, reading))
                reading.add_done_callback(lambda _: cutting.cancel())
        finally:
            ready.put_nowait(None)
        if reading.cancelled():
            raise NotServing("this process is ending; send the photos without an answer again, over a new stream")
        if (unreadable := reading.result()) is not None:
            raise unreadable

    running = asyncio.create_task(run())
    try:
        while (response := await ready.get()) is not None:
            yield response
            places.release()
        await running
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def _cancel_once(draining: asyncio.Event, reading: asyncio.Task[AisleError | None]) -> None:
    await draining.wait()
    reading.cancel()
