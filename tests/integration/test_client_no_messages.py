"""The client against whoever answers with bytes that are no message: gRPC raises nothing, and makes None of them."""

import itertools
from collections.abc import AsyncIterator

import grpc
import grpc.aio
import pytest
from aisle.search.v1 import search_pb2

from services.client import AisleClient, Health
from services.common.errors import DeadlineExceeded, Internal
from services.loadtest.target import Target, probe
from tests.support.fake_gateway import photos

NO_MESSAGE = b"\xff" * 50


class Garbled(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Answers all calls and all photos of streams with bytes that are no message.

    But for watching its health, which it lacks: to a channel that watches, it would be a server that is down.
    """

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:  # type: ignore[type-arg]
        if call.method.endswith("/Watch"):
            return None
        if call.method.endswith("/SearchStream"):
            return grpc.stream_stream_rpc_method_handler(self._each)
        return grpc.unary_unary_rpc_method_handler(self._once)

    async def _once(self, _request: bytes, _context: object) -> bytes:
        return NO_MESSAGE

    async def _each(self, requests: AsyncIterator[bytes], _context: object) -> AsyncIterator[bytes]:
        async for _ in requests:
            yield NO_MESSAGE


class Endless(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    """Has a catalogue of which there is always another page."""

    def __init__(self) -> None:
        self._pages = itertools.count(1)

    def service(self, call: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:  # type: ignore[type-arg]
        return None if call.method.endswith("/Watch") else grpc.unary_unary_rpc_method_handler(self._page)

    async def _page(self, _request: bytes, _context: object) -> bytes:
        return search_pb2.GetCatalogResponse(next_page_token=str(next(self._pages))).SerializeToString()


@pytest.fixture
async def target(request: pytest.FixtureRequest) -> AsyncIterator[str]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((getattr(request, "param", Garbled)(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(grace=None)


async def test_each_call_ends_with_an_error_that_says_so(target: str) -> None:
    """And that names the request, as every error does."""
    async with AisleClient(target) as client:
        with pytest.raises(Internal, match=r"^the gateway answered with bytes that are no message \(request r-1\)$"):
            await client.search(b"p", request_id="r-1")
        for call in (client.catalog, client.status):
            with pytest.raises(Internal, match="no message"):
                await call()
        assert await client.health() is Health.UNREACHABLE


async def test_every_photo_of_a_stream_has_its_outcome(target: str) -> None:
    """Nobody can tell which photo the bytes were to answer, so all those that were sent fail; nothing is raised."""
    async with AisleClient(target) as client:
        outcomes = [outcome async for outcome in client.search_many(photos(*"abcd"), in_flight=2, timeout_seconds=10)]
    assert sorted(outcome.request_id for outcome in outcomes) == ["0-a", "1-b", "2-c", "3-d"]
    assert {type(outcome.error) for outcome in outcomes} == {Internal}


async def test_a_load_test_begins_with_one_line(target: str) -> None:
    """Before a photo is sent."""
    with pytest.raises(Internal, match=f"^{target} answered with bytes that are no message$"):
        await probe(Target(address=target))


@pytest.mark.parametrize("target", [Endless], indirect=True)
async def test_a_catalogue_without_end_ends_with_its_time(target: str) -> None:
    """The time is for all pages together."""
    async with AisleClient(target) as client:
        with pytest.raises(DeadlineExceeded):
            await client.catalog(timeout_seconds=0.5)
