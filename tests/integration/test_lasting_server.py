"""A gRPC server that ends by itself: its port is served again at once, and nothing in work is lost."""

import asyncio
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from services.common import lasting_server
from services.common.errors import SettingsInvalid
from services.common.lasting_server import Door, LastingServer
from services.common.lifecycle import ServerSettings, run
from services.common.security.credentials import Credentials
from services.common.security.guard import plain_door
from tests.support.fake_shard_service import NAME, FakeShardService
from tests.support.frames import EMPTY, status_of
from tests.support.guarded import Guarded, Log, Trust, guarded, outcome
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


async def test_it_goes_on_with_tls(tmp_path: Path) -> None:
    """At both ports, the one for certificates and the one for tokens, time and again."""
    trust, token_port = Trust(tmp_path), free_port()
    settings = {**trust.mutual_tls, "access_file": trust.access, "token_port": token_port}
    callers = {0: trust.certificate("gateway"), token_port: trust.token("right")}
    async with guarded(**settings) as served:
        for _ in range(2):
            await ended(served, token_port, trust)
            for port, credentials in callers.items():
                async with served.open(credentials, port) as channel:
                    assert await outcome(waiting_for(channel)) == "OK"


async def test_the_next_server_looks_for_certificates_as_the_one_before(tmp_path: Path) -> None:
    """It begins with the one that came meanwhile, and takes the one that comes then."""
    trust = Trust(tmp_path)
    async with guarded(**trust.tls) as served:
        await ended(served, served.port, trust)
        for _ in range(2):
            renewed = Trust(tmp_path)  # of another authority
            async with served.open(Credentials(tls_ca=renewed.ca)) as channel:
                assert await outcome(waiting_for(channel)) == "OK"


async def ended(served: Guarded, port: int, trust: Trust) -> None:
    """Wait until the server behind a port has ended."""
    served.log.clear()
    await status_of(port, NO_UTF_8, tls_ca=trust.ca)
    await served.logged("server_ended")


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


def events_of(log: Log) -> list[str]:
    """Return what was said of the server itself; what gRPC says of a path is there, too, where logs are set up."""
    return [line["event"] for line in log if line["event"] != "library_message"]


class Doors:
    """A port that is free, and one that is taken the next so many times that it is wanted again."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals

    @property
    def both(self) -> list[Door]:
        """The two, the one that may be taken last."""
        return [plain_door("127.0.0.1", 0, field="port"), Door(self._bind, 0)]

    def _bind(self, server: grpc.aio.Server, port: int) -> int:
        if port and self.refusals:
            self.refusals -= 1
            raise SettingsInvalid("taken")
        return plain_door("127.0.0.1", port, field="token_port").bind(server, port)


def waiting_for(channel: grpc.aio.Channel) -> Any:
    """Return a call that waits until the port is served."""
    return shard_pb2_grpc.ShardServiceStub(channel).Search(shard_pb2.SearchRequest(), timeout=10, wait_for_ready=True)


async def test_a_port_that_is_taken_meanwhile_is_waited_for() -> None:
    """The other one may be gone in a moment; there is no other port on which callers would look.

    What was bound before it was refused is free for the next try, and the refusal is said once.
    """
    doors = Doors(refusals=3)
    server = LastingServer(grpc.aio.server, lambda _: None, doors.both)
    await server.start()
    ports = list(server.ports)
    with capture_logs() as log:
        await status_of(ports[0], NO_UTF_8)
        for port in ports:
            async with channel_to(f"127.0.0.1:{port}") as channel:
                assert await outcome(waiting_for(channel)) == "UNIMPLEMENTED"
    assert doors.refusals == 0
    assert events_of(log) == ["server_ended", "port_refused"]
    assert list(server.ports) == ports
    await server.stop(None)
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            await status_of(port, SEARCH)


async def test_a_port_that_stays_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs it is told, once, and so can end the process: its supervisor knows what to do."""
    monkeypatch.setattr(lasting_server, "_PATIENCE_SECONDS", 0.5)
    lost = asyncio.Event()
    server = LastingServer(grpc.aio.server, lambda _: None, Doors(10**6).both, lost.set)
    await server.start()
    with capture_logs() as log:
        await status_of(server.ports[0], NO_UTF_8)
        async with asyncio.timeout(5):
            await lost.wait()
    assert events_of(log) == ["server_ended", "port_refused", "server_lost"]
    await server.stop(None)


async def test_a_process_whose_port_is_lost_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a status that says so."""
    monkeypatch.setattr(lasting_server, "_PATIENCE_SECONDS", 0.5)
    port = free_port()
    with capture_logs() as log:
        running = asyncio.create_task(run(FakeShardService(), ServerSettings(port=port, drain_seconds=0.0)))
        while "serving" not in events_of(log):  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
        await status_of(port, NO_UTF_8)
        while True:  # until it is ours: the port is free for a moment
            with suppress(OSError), socket.create_server(("127.0.0.1", port)):
                async with asyncio.timeout(10):
                    assert await running == 1
                break
    assert "server_lost" in events_of(log)


async def test_calls_of_a_server_that_has_ended_have_their_grace() -> None:
    """Told to end, the process waits for them, too, and not only for those of the server that took over."""
    going_on = asyncio.Event()
    service = FakeShardService(work=going_on.wait)
    server = LastingServer(grpc.aio.server, service.register, [plain_door("127.0.0.1", 0, field="port")])
    await server.start()
    [port] = server.ports
    async with channel_to(f"127.0.0.1:{port}") as channel:
        in_work = asyncio.ensure_future(
            shard_pb2_grpc.ShardServiceStub(channel).Search(shard_pb2.SearchRequest(shard="coat"), timeout=10)
        )
        await service.entered(1)
        with capture_logs() as log:
            await status_of(port, NO_UTF_8)
            while not log:  # noqa: ASYNC110 - nobody tells of it
                await asyncio.sleep(0.01)
        stopping = asyncio.create_task(server.stop(5.0))
        await asyncio.sleep(0.5)
        going_on.set()
        assert (await in_work).snapshot_id == "coat"
        await stopping
