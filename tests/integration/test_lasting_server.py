"""A gRPC server that ends by itself: its port is served again at once, and nothing in work is lost."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.errors import SettingsInvalid
from services.common.lasting_server import Door, LastingServer
from services.common.security.guard import plain_door
from tests.support.fake_shard_service import NAME, FakeShardService
from tests.support.frames import EMPTY, status_of
from tests.support.guarded import Trust, guarded, outcome
from tests.support.servers import channel_to, serving
from tests.support.triton import free_port

SEARCH = f"/{NAME}/Search".encode()
NO_UTF_8 = f"/{NAME}/".encode() + b"\xff"
RIGHT = (b"authorization", b"Bearer right")
INVALID_ARGUMENT, RESOURCE_EXHAUSTED, UNAUTHENTICATED = 3, 8, 16


async def test_a_path_that_is_no_text_ends_no_process() -> None:
    """It ends gRPC's own server; what was in work is answered, and new calls are, by all ports there are."""
    going_on, probes = asyncio.Event(), free_port()
    service = FakeShardService(work=going_on.wait)
    async with guarded(service, probe_port=probes) as served, channel_to(f"127.0.0.1:{served.port}") as channel:
        stub = shard_pb2_grpc.ShardServiceStub(channel)
        in_work = asyncio.ensure_future(stub.Search(shard_pb2.SearchRequest(shard="coat"), timeout=10))
        await service.entered(1)
        for port in (served.port, probes):
            await status_of(port, NO_UTF_8)
            await served.logged("server_ended", ports=[port])
        going_on.set()
        assert (await in_work).snapshot_id == "coat"
        again = stub.Search(shard_pb2.SearchRequest(shard="bag"), timeout=10, wait_for_ready=True)
        assert (await again).snapshot_id == "bag"
        async with channel_to(f"127.0.0.1:{probes}") as asked:
            health: Any = health_pb2_grpc.HealthStub(asked)
            await health.Check(health_pb2.HealthCheckRequest(service=NAME), timeout=10, wait_for_ready=True)


async def test_it_may_happen_again_and_again() -> None:
    """Thirty times, in a process that calls another one, as gateways do: gRPC's memory stays in order."""
    async with serving(FakeShardService()) as behind, channel_to(behind) as channel:
        search: Any = shard_pb2_grpc.ShardServiceStub(channel).Search
        service = FakeShardService(work=lambda: search(shard_pb2.SearchRequest(), timeout=10))
        async with guarded(service) as served, channel_to(f"127.0.0.1:{served.port}") as caller:
            asked: Any = shard_pb2_grpc.ShardServiceStub(caller).Search
            for times in range(1, 31):
                calls = [asked(shard_pb2.SearchRequest(), timeout=10) for _ in range(4)]
                while [line["event"] for line in served.log].count("server_ended") < times:
                    with suppress(ConnectionError):
                        await status_of(served.port, NO_UTF_8)
                    await asyncio.sleep(0.02)
                await asyncio.gather(*(outcome(call) for call in calls))
            assert await outcome(asked(shard_pb2.SearchRequest(), timeout=10, wait_for_ready=True)) == "OK"


async def test_whatever_bytes_a_header_has_it_is_a_call_as_any_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Tokens and ids that are no text, and tokens of many kilobytes, are wrong ones.

    Of each that is no text gRPC tells Python's logging the bytes, which `services.common.telemetry` does not show.
    """
    trust = Trust(tmp_path)
    async with guarded(access_file=trust.access) as served:
        for header in ((b"authorization", b"Bearer \xff\xfe"), (b"authorization", b"Bearer " + b"x" * 7_000)):
            assert await status_of(served.port, SEARCH, header) == UNAUTHENTICATED
        for name in (b"x-request-id", b"traceparent", b"anything"):
            assert await status_of(served.port, SEARCH, RIGHT, (name, b"\xff")) == 0
        assert await status_of(served.port, SEARCH, (b"authorization", b"Bearer wrong"), RIGHT) == UNAUTHENTICATED
        assert served.callers() == {("unknown", "unauthenticated"): 3, ("shop", "admitted"): 3}
    told = [record.args for record in caplog.records if record.msg == "Invalid encoding on %s"]
    assert (b"\xff",) in told


async def test_the_message_of_a_call_that_is_refused_is_not_read(tmp_path: Path) -> None:
    """It would be held in memory, as large as it may be, before anybody asked whose it is, and how often it calls."""
    trust = Trust(tmp_path)
    trust.access.write_text(
        trust.access.read_text().replace("rights: [search]", "rights: [search], calls_per_second: 1")
    )
    async with guarded(access_file=trust.access) as served:
        for headers in ((), ((b"authorization", b"Bearer wrong"),)):
            assert await status_of(served.port, SEARCH, *headers, message=None) == UNAUTHENTICATED
        with pytest.raises(TimeoutError):
            await status_of(served.port, SEARCH, RIGHT, message=None)
        assert await status_of(served.port, SEARCH, RIGHT) == 0
        assert await status_of(served.port, SEARCH, RIGHT, message=None) == RESOURCE_EXHAUSTED
        assert served.callers() == {
            ("unknown", "unauthenticated"): 2,
            ("shop", "admitted"): 2,
            ("shop", "rate_limited"): 1,
        }
        assert served.value("aisle_searcher_rpcs_total", method="Search", code="UNAUTHENTICATED") == 2
        assert served.value("aisle_searcher_rpcs_total", method="Search", code="CANCELLED") == 1


async def test_a_call_without_a_message_is_its_caller_s_mistake(tmp_path: Path) -> None:
    """To gRPC our methods take as many as come."""
    async with guarded(access_file=Trust(tmp_path).access) as served:
        assert await status_of(served.port, SEARCH, RIGHT, message=EMPTY) == INVALID_ARGUMENT


async def test_a_port_that_is_taken_meanwhile_is_waited_for() -> None:
    """The other one may be gone in a moment; there is no other port on which callers would look."""
    refusals = [SettingsInvalid("taken")]

    def bind(server: grpc.aio.Server, port: int) -> int:
        if port and refusals:
            raise refusals.pop()
        return plain_door("127.0.0.1", 0, field="port").bind(server, port)

    server = LastingServer(grpc.aio.server, lambda _: None, [Door(bind, 0)])
    await server.start()
    [port] = server.ports
    await status_of(port, NO_UTF_8)
    async with channel_to(f"127.0.0.1:{port}") as channel:
        call = shard_pb2_grpc.ShardServiceStub(channel).Search(
            shard_pb2.SearchRequest(), timeout=10, wait_for_ready=True
        )
        assert await outcome(call) == "UNIMPLEMENTED"
    assert refusals == []
    assert list(server.ports) == [port]
    await server.stop(None)
    with pytest.raises(ConnectionRefusedError):
        await status_of(port, SEARCH)
