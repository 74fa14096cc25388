"""One lifecycle for every process: bound but not serving, serving, draining with nothing lost, gone."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from services.common.errors import SnapshotNotFound
from services.common.lifecycle import ServerSettings, main, run
from services.common.status import failure_of
from tests.support.fake_shard_service import NAME, FakeShardService
from tests.support.servers import channel_to, serving

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

Log = list[MutableMapping[str, Any]]


@pytest.fixture
def log() -> Iterator[Log]:
    """What the process logs."""
    with capture_logs() as lines:
        yield lines


class Run:
    """A run of a service in this process, as its callers and its operator see it."""

    def __init__(self, channel: grpc.aio.Channel, status: asyncio.Task[int], log: Log) -> None:
        self._status = status
        self.shards = shard_pb2_grpc.ShardServiceStub(channel)
        self._health = health_pb2_grpc.HealthStub(channel)
        self._log = log

    async def logged(self, event: str) -> None:
        """Wait until an event is logged."""
        await _logged(self._log, event)

    async def health(self, name: str = "") -> int:
        """Return the health of a service."""
        answer = await self._health.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
        status: int = answer.status
        return status

    async def ended(self) -> int:
        """Return the exit status of a run that ends by itself; `wait_for` would cancel one that does not."""
        ended, _ = await asyncio.wait({self._status}, timeout=5)
        assert ended
        return await self._status

    async def search(self, shard: str = "shoes") -> shard_pb2.SearchResponse:
        """Call Search."""
        answer: shard_pb2.SearchResponse = await self.shards.Search(shard_pb2.SearchRequest(shard=shard), timeout=10)
        return answer


async def _logged(log: Log, event: str) -> MutableMapping[str, Any]:
    while True:
        for line in log:
            if line["event"] == event:
                return line
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(service: FakeShardService, log: Log, **settings: float) -> AsyncIterator[Run]:
    """Run a service from the moment when its port is bound; end it when the test has not."""
    status = asyncio.create_task(run(service, ServerSettings(**({"drain_seconds": 0.0} | settings))))
    bound = await _logged(log, "bound")
    try:
        async with channel_to(f"127.0.0.1:{bound['port']}") as channel:
            yield Run(channel, status, log)
    finally:
        if not status.done():
            terminate()
        await status


def terminate(number: signal.Signals = signal.SIGTERM) -> None:
    """Send this process a signal, as an operator would."""
    os.kill(os.getpid(), number)


async def test_not_serving_while_it_loads_and_serving_after(log: Log) -> None:
    """Probes get an answer from the first moment on; calls are refused until the load is done."""
    loaded = asyncio.Event()
    async with running(FakeShardService(load=loaded.wait), log) as run_:
        assert await run_.health() == await run_.health(NAME) == NOT_SERVING
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await run_.search()
        failure = failure_of(refusal.value)
        assert (failure.code, failure.reason, failure.retry_after_seconds) == ("UNAVAILABLE", "NOT_SERVING", 1.0)

        loaded.set()
        await run_.logged("serving")

        assert await run_.health() == await run_.health(NAME) == SERVING
        assert (await run_.search("bags")).snapshot_id == "bags"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_in_mid_call_loses_nothing(log: Log, number: signal.Signals) -> None:
    """Calls in flight are answered, and so are those that come before the endpoints have caught up."""
    release = asyncio.Event()
    service = FakeShardService(work=release.wait)
    async with running(service, log, drain_seconds=0.3) as run_:
        await run_.logged("serving")
        in_flight = [asyncio.create_task(run_.search(f"early-{call}")) for call in range(20)]
        await service.entered(20)

        terminate(number)
        await run_.logged("draining")
        assert await run_.health() == NOT_SERVING
        late = [asyncio.create_task(run_.search(f"late-{call}")) for call in range(5)]
        await service.drained.wait()
        assert service.closed == 0
        release.set()

        answers = await asyncio.gather(*in_flight, *late)
        assert [answer.snapshot_id for answer in answers] == [
            *(f"early-{call}" for call in range(20)),
            *(f"late-{call}" for call in range(5)),
        ]
        assert await run_.ended() == 0
    assert service.closed == 1


async def test_an_answer_of_the_last_moment_is_not_cut_off(log: Log) -> None:
    """The server closes right behind its last answers, and none is lost; one drain of twenty once lost some."""
    for _ in range(50):
        log.clear()
        release = asyncio.Event()
        service = FakeShardService(work=release.wait)
        async with running(service, log) as run_:
            await run_.logged("serving")
            calls = [asyncio.create_task(run_.search()) for _ in range(25)]
            await service.entered(25)
            terminate()
            await service.drained.wait()
            asyncio.get_running_loop().call_later(0.01, release.set)
            await asyncio.gather(*calls)


async def test_a_call_that_outlasts_the_grace_does_not_hold_up_the_end(log: Log) -> None:
    """After the grace a call is cut off, and the process ends."""
    service = FakeShardService(work=asyncio.Event().wait)
    async with running(service, log, grace_seconds=0.1) as run_:
        await run_.logged("serving")
        stuck = asyncio.create_task(run_.search())
        await service.entered(1)
        terminate()

        assert await run_.ended() == 0
        with pytest.raises(grpc.aio.AioRpcError) as cut:
            await stuck
        assert cut.value.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}


async def test_a_signal_during_the_start_cancels_it(log: Log) -> None:
    """Nobody waits for a load that is no longer wanted."""
    service = FakeShardService(load=asyncio.Event().wait)
    async with running(service, log) as run_:
        await asyncio.sleep(0.05)
        terminate()

        assert await run_.ended() == 0
    assert service.start_cancelled
    assert service.closed == 1
    assert "serving" not in [line["event"] for line in log]


async def test_a_start_that_fails_ends_with_status_1_and_says_why(log: Log) -> None:
    """The log has the reason and the text; what was opened is closed."""

    async def fail() -> None:
        raise SnapshotNotFound("nothing there; publish one")

    service = FakeShardService(load=fail)

    assert await run(service, ServerSettings()) == 1

    failed = await _logged(log, "start_failed")
    assert (failed["reason"], failed["error"]) == ("SNAPSHOT_NOT_FOUND", "nothing there; publish one")
    assert service.closed == 1


async def test_two_processes_can_t_share_a_port(log: Log) -> None:
    """The second one does not start, instead of taking half of the calls."""
    async with serving(FakeShardService()) as address:
        port = int(address.rpartition(":")[2])

        assert await run(FakeShardService(), ServerSettings(port=port)) == 1

    failed = await _logged(log, "start_failed")
    assert failed["reason"] == "SETTINGS_INVALID"
    assert str(port) in failed["error"]


async def test_messages_above_grpc_s_default_of_4_mb_pass(log: Log) -> None:
    """A photo of 20 MB fits; so large are bytes only."""
    async with running(FakeShardService(), log) as run_:
        await run_.logged("serving")
        big = shard_pb2.SearchRequest(shard="shoes", query_vectors=bytes(20_000_000))
        assert (await run_.shards.Search(big, timeout=10)).snapshot_id == "shoes"


def test_unusable_settings_end_with_status_2_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An unknown variable in the environment is named, and nothing is built."""
    monkeypatch.setenv("AISLE_BAKERY_PROT", "1")

    def build(_settings: ServerSettings) -> FakeShardService:
        raise AssertionError("built all the same")

    assert main("bakery", ServerSettings, build, []) == 2
    assert "AISLE_BAKERY_PROT; did you mean AISLE_BAKERY_PORT?" in capsys.readouterr().err
