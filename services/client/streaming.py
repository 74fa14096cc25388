"""Many photos over one stream: bounded flight, one outcome per photo, and a new stream when one breaks."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
import grpc.aio
from aisle.search.v1 import search_pb2

from services.client.conversion import from_stream_response, to_request
from services.client.photos import encoded
from services.client.retries import MAX_ATTEMPTS, backoff_seconds
from services.client.types import SearchItem, SearchOutcome
from services.common.channels import MAX_MESSAGE_BYTES
from services.common.errors import AisleError, DeadlineExceeded, Internal, InvalidArgument, Unavailable
from services.common.requests import REQUEST_ID, request_id_of
from services.common.status import failure_of, from_failure, received

_END_OF_STREAM: Any = grpc.aio.EOF  # type: ignore[attr-defined]  # its stubs lack it
# What grpc.aio reports, in place of the peer's status, when a write fails because the stream has just broken.
_FAILED_WRITE = (grpc.StatusCode.INTERNAL, "Internal error from Core")
_MAX_REQUEST_ID_CHARACTERS = 128


class OpenStream(Protocol):
    """Opens one SearchStream."""

    def __call__(self, *, timeout: float | None, metadata: Sequence[tuple[str, str]]) -> Any:
        """Return the call; `timeout` in seconds."""
        ...


@dataclass(slots=True)
class _Pending:
    """A photo without outcome."""

    request: search_pb2.SearchStreamRequest
    sent: int = 0


class Flight:
    """The photos of one `search_many`.

    Three tasks work on it, and meet in two queues and a table:

        the caller's items --feed--> to_send --send--> unanswered --receive--> outcomes --> the caller

    A photo that is answered with UNAVAILABLE goes back to `to_send` after a while; so the stream is half-closed only
    when every photo has its outcome. A slot is taken before `to_send` and given back when the caller takes the outcome,
    so that neither photos nor answers pile up, however slow or fast the caller is.
    """

    def __init__(self, open_stream: OpenStream, *, in_flight: int, timeout_seconds: float | None) -> None:
        """Create the flight; its time runs from now on.

        Args:
            open_stream: opens a stream.
            in_flight: photos between the caller's items and the caller, at least 1.
            timeout_seconds: time for the whole flight; None for no end.

        Raises:
            InvalidArgument: `in_flight` is below 1.
        """
        if in_flight < 1:
            raise InvalidArgument(f"in_flight is at least 1, not {in_flight}", field="in_flight")
        self._open_stream = open_stream
        self._end = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._slots = asyncio.Semaphore(in_flight)
        self._ids: set[str] = set()  # of the photos without outcome
        self._fed = False  # no more items will come
        self._to_send: asyncio.Queue[_Pending | None] = asyncio.Queue()  # None: there are no more
        self._unanswered: dict[str, _Pending] = {}
        self._outcomes: asyncio.Queue[SearchOutcome | None] = asyncio.Queue()  # None: that was the last
        self._failures = 0  # streams in a row that broke without a single answer

    async def outcomes(
        self, items: AsyncIterable[SearchItem] | Iterable[SearchItem]
    ) -> AsyncGenerator[SearchOutcome, None]:
        """Yield one outcome per item; what `items` raises is raised after the outcomes of all items before it."""
        tasks = (asyncio.create_task(self._feed(items)), asyncio.create_task(self._fly()))
        try:
            while (outcome := await self._outcomes.get()) is not None:
                self._slots.release()
                yield outcome
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed(self, items: AsyncIterable[SearchItem] | Iterable[SearchItem]) -> None:
        try:
            async for item in _each(items, self._end):
                await self._slots.acquire()
                await self._prepare(item)
        finally:
            self._fed = True
            self._end_if_over()

    async def _prepare(self, item: SearchItem) -> None:
        request_id, photo, options = item
        try:
            self._check_id(request_id)
            request = search_pb2.SearchStreamRequest(
                request_id=request_id, request=to_request(await encoded(photo), options)
            )
            _check_size(request)
        except AisleError as error:
            self._outcomes.put_nowait(SearchOutcome(request_id, error=error))
            return
        self._ids.add(request_id)
        self._to_send.put_nowait(_Pending(request))

    def _check_id(self, request_id: str) -> None:
        if not isinstance(request_id, str):
            raise InvalidArgument(f"a request id is a str, not {type(request_id).__name__}", field="request_id")
        if not 1 <= len(request_id) <= _MAX_REQUEST_ID_CHARACTERS:
            raise InvalidArgument(
                f"a request id has 1 to {_MAX_REQUEST_ID_CHARACTERS} characters, not {len(request_id)}",
                field="request_id",
            )
        try:
            request_id.encode()
        except UnicodeEncodeError:
            raise InvalidArgument(f"request id {request_id!r} is no Unicode text", field="request_id") from None
        if request_id in self._ids:
            raise InvalidArgument(f"request id {request_id!r} is in flight already", field="request_id")

    async def _fly(self) -> None:
        """Open streams until every photo has its outcome."""
        try:
            while not self._over:
                error = await self._one_stream()
                if error is None:
                    continue
                if self._time_left() == 0:
                    await self._fail_everything(DeadlineExceeded("the time for all photos is over"))
                    return
                self._fail_what_is_not_worth_another_try(error)
                self._failures += 1
                await asyncio.sleep(backoff_seconds(self._failures, random.random()))  # noqa: S311 - jitter
        finally:
            self._outcomes.put_nowait(None)

    async def _one_stream(self) -> AisleError | None:
        """Send and receive until the stream ends; return why photos are without outcome, or None when none is."""
        why: AisleError = Unavailable("the gateway ended the stream before it had answered every photo")
        stream_id = request_id_of(None)  # the gateway knows by it what ended the stream; photos have ids of their own
        call = self._open_stream(timeout=self._time_left(), metadata=((REQUEST_ID, stream_id),))
        sending = asyncio.create_task(self._send(call))
        try:
            while (response := await call.read()) is not _END_OF_STREAM:
                self._settle(from_stream_response(received(response, "the gateway")))
        except grpc.aio.AioRpcError as error:
            why = _why_it_broke(error)
        except Internal as error:  # nobody can tell whose answer that was to be
            why = error
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
            call.cancel()
        why.request_id = stream_id
        return None if self._over else why

    async def _send(self, call: Any) -> None:
        # An explicit writer, not a request iterator: grpc.aio leaves the iterator of a broken call waiting for its
        # next item, which would then be lost in it.
        with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):  # the stream broke: the receiver reports it
            for unanswered in tuple(self._unanswered.values()):
                await self._write(call, unanswered)
            while (pending := await self._to_send.get()) is not None:
                self._unanswered[pending.request.request_id] = pending
                await self._write(call, pending)
            await call.done_writing()

    async def _write(self, call: Any, pending: _Pending) -> None:
        pending.sent += 1
        await call.write(pending.request)

    def _settle(self, outcome: SearchOutcome) -> None:
        pending = self._unanswered.pop(outcome.request_id, None)
        if pending is None:  # an unknown id is nobody's answer
            return
        self._failures = 0
        if not (isinstance(outcome.error, Unavailable) and self._send_later(pending)):
            self._finish(outcome)

    def _send_later(self, pending: _Pending) -> bool:
        """Send a photo again after a back-off, unless it had all its attempts or its time would be over by then."""
        wait_seconds = backoff_seconds(pending.sent, random.random())  # noqa: S311 - jitter
        time_left = self._time_left()
        if pending.sent >= MAX_ATTEMPTS or (time_left is not None and time_left <= wait_seconds):
            return False
        asyncio.get_running_loop().call_later(wait_seconds, self._to_send.put_nowait, pending)
        return True

    def _fail_what_is_not_worth_another_try(self, error: AisleError) -> None:
        for request_id, pending in tuple(self._unanswered.items()):
            if not isinstance(error, Unavailable) or pending.sent >= MAX_ATTEMPTS:
                del self._unanswered[request_id]
                self._finish(SearchOutcome(request_id, error=error))

    async def _fail_everything(self, error: AisleError) -> None:
        for request_id in self._unanswered:
            self._finish(SearchOutcome(request_id, error=error))
        self._unanswered.clear()
        while (pending := await self._to_send.get()) is not None:
            self._finish(SearchOutcome(pending.request.request_id, error=error))

    def _finish(self, outcome: SearchOutcome) -> None:
        self._ids.remove(outcome.request_id)
        self._outcomes.put_nowait(outcome)
        self._end_if_over()

    @property
    def _over(self) -> bool:
        return self._fed and not self._ids

    def _end_if_over(self) -> None:
        if self._over:
            self._to_send.put_nowait(None)

    def _time_left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - time.monotonic())


def _check_size(request: search_pb2.SearchStreamRequest) -> None:
    """Refuse what would end the whole stream, with all its photos, for it is over gRPC's limit."""
    if request.ByteSize() > MAX_MESSAGE_BYTES:
        raise InvalidArgument(
            f"photo and options have {request.ByteSize():,} bytes; a message holds {MAX_MESSAGE_BYTES:,}",
            field="options",
        )


def _why_it_broke(error: grpc.aio.AioRpcError) -> AisleError:
    if (error.code(), error.details()) == _FAILED_WRITE:
        return Unavailable("the stream broke while a photo was being sent")
    return from_failure(failure_of(error))


async def _each(
    items: AsyncIterable[SearchItem] | Iterable[SearchItem], end: float | None
) -> AsyncIterator[SearchItem]:
    """Yield the items; those that are not there at the end of the time, on the monotonic clock, are not waited for."""
    if not isinstance(items, AsyncIterable):
        for item in items:
            yield item
        return
    awaited = aiter(items)
    while True:
        left = None if end is None else end - time.monotonic()
        try:
            async with asyncio.timeout(left) as waiting:
                item = await anext(awaited)
        except StopAsyncIteration:
            return
        except TimeoutError:
            if not waiting.expired():  # the items' own
                raise
            raise DeadlineExceeded("the time for all photos is over, and more of them were awaited") from None
        yield item
