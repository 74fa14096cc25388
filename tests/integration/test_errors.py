"""Every error reaches the caller with what a program needs, and a defect tells the caller nothing else."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc.aio
import pytest
from aisle.search.v1 import search_pb2, search_pb2_grpc
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from structlog.testing import capture_logs

from services.common.channels import server_options
from services.common.errors import AisleError, Internal, InvalidArgument, Unimplemented
from services.common.interceptors import ErrorInterceptor
from services.common.status import failure_of, from_failure
from tests.support.servers import channel_to

SECRET = "password=hunter2"
DEFECTS = (Internal, Unimplemented)


def classes(root: type[AisleError] = AisleError) -> Iterator[type[AisleError]]:
    """Yield every class of the error tree."""
    for below in root.__subclasses__():
        yield below
        yield from classes(below)


class Failing(shard_pb2_grpc.ShardServiceServicer, search_pb2_grpc.SearchServiceServicer):
    """Fails every call with the error that the test wants."""

    def __init__(self) -> None:
        self.error: Exception = RuntimeError("the test did not say")
        self.cancelled = asyncio.Event()

    async def Describe(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Fail a unary call."""
        raise self.error

    async def Search(self, _request: Any, _context: Any) -> Any:  # noqa: N802
        """Wait until the caller goes away."""
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()

    async def SearchStream(self, requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:  # noqa: N802
        """Answer once, then fail the stream."""
        async for _ in requests:
            yield search_pb2.SearchStreamResponse()
            raise self.error


@pytest.fixture
async def failing() -> AsyncIterator[tuple[Failing, grpc.aio.Channel]]:
    """A server that fails, and a channel to it."""
    servicer = Failing()
    server = grpc.aio.server(options=server_options(), interceptors=(ErrorInterceptor(lambda: True),))
    shard_pb2_grpc.add_ShardServiceServicer_to_server(servicer, server)
    search_pb2_grpc.add_SearchServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with channel_to(f"127.0.0.1:{port}") as channel:
        yield servicer, channel
    await server.stop(grace=0)


async def failed_call(channel: grpc.aio.Channel) -> grpc.aio.AioRpcError:
    """Make a unary call that fails."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await shard_pb2_grpc.ShardServiceStub(channel).Describe(shard_pb2.DescribeRequest(), timeout=5)
    return failed.value


async def failed_stream(channel: grpc.aio.Channel) -> grpc.aio.AioRpcError:
    """Make a streaming call that answers once and then fails."""
    requests = iter([search_pb2.SearchStreamRequest()])
    answers = aiter(search_pb2_grpc.SearchServiceStub(channel).SearchStream(requests, timeout=5))
    assert await anext(answers) == search_pb2.SearchStreamResponse()
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await anext(answers)
    return failed.value


@pytest.mark.parametrize("call", [failed_call, failed_stream])
@pytest.mark.parametrize("cls", [cls for cls in classes() if not issubclass(cls, DEFECTS)])
async def test_every_error_arrives_whole(
    failing: tuple[Failing, grpc.aio.Channel], cls: type[AisleError], call: Any
) -> None:
    """Code, reason, text, field and delay arrive, and make the same error again."""
    servicer, channel = failing
    servicer.error = cls("what is wrong, and ähnliches", field="some.field", retry_after_seconds=1.25)

    with capture_logs() as log:
        failure = failure_of(await call(channel))

    assert (failure.code, failure.reason) == (cls.code, cls.reason)
    assert (failure.message, failure.field) == ("what is wrong, and ähnliches", "some.field")
    assert failure.retry_after_seconds == 1.25
    again = from_failure(failure)
    assert type(again) is cls
    assert (again.message, again.field, again.retry_after_seconds) == (failure.message, failure.field, 1.25)
    assert log == []


@pytest.mark.parametrize("cls", [cls for cls in classes() if not issubclass(cls, DEFECTS)])
async def test_without_field_and_delay_there_are_none(
    failing: tuple[Failing, grpc.aio.Channel], cls: type[AisleError]
) -> None:
    """What was not said is not made up."""
    servicer, channel = failing
    servicer.error = cls("what is wrong")

    failure = failure_of(await failed_call(channel))

    assert (failure.field, failure.retry_after_seconds) == ("", None)


@pytest.mark.parametrize("call", [failed_call, failed_stream])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError(SECRET), "INTERNAL"),
        (KeyError(SECRET), "INTERNAL"),
        (AssertionError(), "INTERNAL"),
        (Unimplemented(SECRET), "INTERNAL"),
        *((cls(SECRET, field=SECRET), cls.reason) for cls in classes() if issubclass(cls, Internal)),
    ],
)
async def test_a_defect_is_internal_and_tells_nothing(
    failing: tuple[Failing, grpc.aio.Channel], error: Exception, reason: str, call: Any
) -> None:
    """The caller learns that it was a defect; the log has the traceback, and the method."""
    servicer, channel = failing
    servicer.error = error

    with capture_logs() as log:
        failed = await call(channel)

    failure = failure_of(failed)
    assert (failure.code, failure.reason, failure.field) == ("INTERNAL", reason, "")
    assert failure.message == "internal error; the server's log has the details"
    on_the_wire = repr(
        (failed.details(), failed.debug_error_string(), failed.initial_metadata(), failed.trailing_metadata())
    )
    assert "hunter2" not in on_the_wire
    assert type(error).__name__ not in on_the_wire
    (line,) = log
    assert line["exception"].startswith("Traceback")
    assert type(error).__name__ in line["exception"].splitlines()[-1]
    assert line["where"].startswith("/aisle.")


async def test_a_failure_of_a_peer_that_is_not_ours_is_understood(failing: tuple[Failing, grpc.aio.Channel]) -> None:
    """A method that nobody implements has a code and a text, but no reason."""
    _, channel = failing
    call = channel.unary_unary("/aisle.shard.v1.ShardService/Nothing", bytes, bytes)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call(b"", timeout=5)

    failure = failure_of(failed.value)

    assert (failure.code, failure.reason) == ("UNIMPLEMENTED", "")
    assert type(from_failure(failure)) is Unimplemented


async def test_a_caller_that_goes_away_cancels_the_work(failing: tuple[Failing, grpc.aio.Channel]) -> None:
    """The handler is cancelled, and a cancelled handler is no defect."""
    servicer, channel = failing
    with capture_logs() as log:
        call = shard_pb2_grpc.ShardServiceStub(channel).Search(shard_pb2.SearchRequest(), timeout=5)
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.wait_for(servicer.cancelled.wait(), 5)

    assert log == []


def _raw(channel: grpc.aio.Channel) -> Any:
    """Return Describe without a serialiser: it takes and gives bytes."""
    return channel.unary_unary("/aisle.shard.v1.ShardService/Describe", None, None)


@pytest.mark.parametrize(
    "junk", [b"\xff\xff\xff\xff", b"\x0a\xff\x01", b"\xfa\x07\x00" * 100_000], ids=["none", "cut", "very many fields"]
)
async def test_malformed_bytes_are_the_callers_mistake(failing: tuple[Failing, grpc.aio.Channel], junk: bytes) -> None:
    """What is no protobuf message, or takes long to parse, ends INVALID_ARGUMENT, also within a stream."""
    _, channel = failing
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await _raw(channel)(junk)
    assert failure_of(refused.value).reason == "INVALID_ARGUMENT"
    stream = channel.stream_stream("/aisle.search.v1.SearchService/SearchStream", None, None)(iter([junk]))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stream.read()
    assert failure_of(refused.value).reason == "INVALID_ARGUMENT"


async def test_an_error_with_a_very_long_text_keeps_its_reason(failing: tuple[Failing, grpc.aio.Channel]) -> None:
    """Trailers hold 8 kB; a message that echoes what the caller sent must not push the rest out of them."""
    servicer, channel = failing
    servicer.error = InvalidArgument("ü" * 1_000_000, field="categories")
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await _raw(channel)(b"")
    failure = failure_of(refused.value)
    assert (failure.code, failure.field) == ("INVALID_ARGUMENT", "categories")
    assert failure.message == "ü" * 248 + "…"
