"""A fake gateway: a real gRPC server that obeys search.proto and tells what it saw; faults are asked for by the photo.

A photo's bytes are a word: "ok" and everything unknown is answered; the others are in `FakeGateway.Search`.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from aisle.filter.v1 import filter_pb2
from aisle.search.v1 import search_pb2, search_pb2_grpc
from google.rpc import code_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from services.client import SearchItem
from services.common.channels import server_options
from services.common.errors import AisleError, ImageUnreadable, Overloaded, Unavailable
from services.common.requests import REQUEST_ID
from services.common.status import trailing_metadata
from tests.support.answers import answer_of

CATEGORIES = 2_345
SERVICE = "aisle.search.v1.SearchService"


class FakeGateway(search_pb2_grpc.SearchServiceServicer):
    """Answers each photo with one hit whose product id is the photo's own bytes.

    Attributes:
        snapshot_id: what it says to serve.
        failures_left: how many further calls or streams end UNAVAILABLE.
        refusals_left: how many further photos "flaky" are answered with UNAVAILABLE.
        break_after: answers after which a stream ends UNAVAILABLE, as often as `failures_left` says; None for never.
        calls: requests of `Search` that arrived, retries included.
        stream_ids: request ids that arrived over streams, in order, repeats included.
        stream_answers: answers given over streams.
        most_unanswered: most photos that had arrived over streams and were not answered; counts while no stream breaks.
        linger_seconds: time from a stream's last answer to its end.
        slow_arrived: set when a photo "slow" is in work.
        deadlines_seconds: time left of each call when it arrived; None for a call without a deadline.
        request_ids: what each call, or stream, had in its metadata.
    """

    def __init__(self) -> None:
        self.snapshot_id = "snapshot-1"
        self.failures_left = 0
        self.refusals_left = 0
        self.break_after: int | None = None
        self.calls: list[search_pb2.SearchRequest] = []
        self.stream_ids: list[str] = []
        self.stream_answers = 0
        self.most_unanswered = 0
        self.deadlines_seconds: list[float | None] = []
        self.request_ids: list[str] = []
        self.answer_seconds = 0.0
        self.linger_seconds = 0.0
        self.slow_arrived = asyncio.Event()

    async def Search(  # noqa: N802 - gRPC's name
        self, request: search_pb2.SearchRequest, context: Any
    ) -> search_pb2.SearchResponse:
        self.calls.append(request)
        self.deadlines_seconds.append(context.time_remaining())
        self.request_ids.append(dict(context.invocation_metadata()).get(REQUEST_ID, ""))
        if self.failures_left:
            self.failures_left -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        try:
            return await self._answer(request)
        except AisleError as error:
            await context.abort(grpc.StatusCode[error.code], error.message, trailing_metadata(error))
            raise

    async def SearchStream(  # noqa: N802 - gRPC's name
        self, requests: AsyncIterator[search_pb2.SearchStreamRequest], context: Any
    ) -> AsyncIterator[search_pb2.SearchStreamResponse]:
        self.deadlines_seconds.append(context.time_remaining())
        self.request_ids.append(dict(context.invocation_metadata()).get(REQUEST_ID, ""))
        breaks = self.failures_left > 0
        self.failures_left -= breaks
        if breaks and self.break_after is None:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "restarting")
        waiting: asyncio.Queue[search_pb2.SearchStreamRequest | None] = asyncio.Queue()
        reading = asyncio.create_task(self._read(requests, waiting))
        answered = 0
        try:
            while (request := await waiting.get()) is not None:
                if breaks and answered == self.break_after:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "killed in the middle")
                await asyncio.sleep(self.answer_seconds)
                self.most_unanswered = max(self.most_unanswered, len(self.stream_ids) - self.stream_answers)
                yield await self._outcome(request)
                answered += 1
                self.stream_answers += 1
            await asyncio.sleep(self.linger_seconds)
        finally:
            reading.cancel()

    async def _read(
        self,
        requests: AsyncIterator[search_pb2.SearchStreamRequest],
        waiting: asyncio.Queue[search_pb2.SearchStreamRequest | None],
    ) -> None:
        async for request in requests:
            self.stream_ids.append(request.request_id)
            waiting.put_nowait(request)
        waiting.put_nowait(None)

    async def _outcome(self, request: search_pb2.SearchStreamRequest) -> search_pb2.SearchStreamResponse:
        try:
            response = await self._answer(request.request)
        except AisleError as error:
            failed = search_pb2.StreamError(
                code=code_pb2.Code.Value(error.code), reason=error.reason, message=error.message, field=error.field
            )
            if error.retry_after_seconds is not None:
                failed.retry_delay.FromNanoseconds(round(error.retry_after_seconds * 1e9))
            return search_pb2.SearchStreamResponse(request_id=request.request_id, error=failed)
        return search_pb2.SearchStreamResponse(request_id=request.request_id, response=response)

    async def _answer(self, request: search_pb2.SearchRequest) -> search_pb2.SearchResponse:
        word = request.image[:32].decode("latin-1")
        if word == "unreadable":
            raise ImageUnreadable("not a picture", field="image")
        if word == "overloaded":
            raise Overloaded("full", retry_after_seconds=0.25)
        if word == "flaky" and self.refusals_left:
            self.refusals_left -= 1
            raise Unavailable("this photo only")
        if word == "slow":
            self.slow_arrived.set()
            await asyncio.sleep(30)
        return answer_of(word, partial=word != "whole")

    async def GetCatalog(  # noqa: N802 - gRPC's name
        self, request: search_pb2.GetCatalogRequest, _context: Any
    ) -> search_pb2.GetCatalogResponse:
        start = int(request.page_token or 0)
        end = min(start + request.page_size, CATEGORIES)
        return search_pb2.GetCatalogResponse(
            categories=[search_pb2.CatalogCategory(category=f"c{i:05d}", products=i) for i in range(start, end)],
            next_page_token=str(end) if end < CATEGORIES else "",
            snapshot_id=self.snapshot_id,
            space_id="space-1",
            has_baseline=True,
            is_adaptive_fitted=True,
            attributes=[filter_pb2.Attribute(name="price", type=filter_pb2.ATTRIBUTE_TYPE_FLOAT)],
        )


@asynccontextmanager
async def serving(
    gateway: FakeGateway, *, port: int = 0, states: Sequence[tuple[str, int]] = ((SERVICE, 1),)
) -> AsyncIterator[str]:
    """Serve on a free port of loopback and yield the target; `states` is what health says."""
    server = grpc.aio.server(options=server_options())
    search_pb2_grpc.add_SearchServiceServicer_to_server(gateway, server)
    health_servicer = health.aio.HealthServicer()  # type: ignore[attr-defined]  # its stubs lack aio
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    for name, state in states:
        await health_servicer.set(name, health_pb2.HealthCheckResponse.ServingStatus.ValueType(state))
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await server.stop(grace=None)


def photos(*words: str) -> list[SearchItem]:
    """Return items of `search_many` whose photos are these words."""
    return [(f"{number}-{word}", word.encode(), {}) for number, word in enumerate(words)]
