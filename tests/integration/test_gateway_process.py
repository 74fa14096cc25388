"""The gateway as a process: what it refuses to start with, what it says about itself, and that it ends well."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
import pytest
from aisle.search.v1 import search_pb2 as pb
from aisle.search.v1 import search_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common.errors import ModelUnavailable, SettingsInvalid, SnapshotNotFound
from services.common.status import failure_of
from services.gateway.config import GatewaySettings
from services.gateway.server import Gateway
from services.models.process import TritonProcess
from tests.support.cluster import EMBEDDER, IMAGES, photo, publish, searcher, write_topology
from tests.support.processes import RunningProcess, started
from tests.support.servers import channel_to
from tests.support.snapshots import PublishedSnapshot
from tests.support.triton import free_port

pytestmark = pytest.mark.triton

SERVICE = "aisle.search.v1.SearchService"
ALL = pb.Routing(policy=pb.POLICY_ALL)


@dataclass(frozen=True, slots=True)
class Served:
    """A gateway process that serves."""

    process: RunningProcess
    channel: grpc.aio.Channel
    stub: search_pb2_grpc.SearchServiceStub

    async def search(self, seed: int, timeout_seconds: float = 10.0) -> pb.SearchResponse:
        """Search every category."""
        request = pb.SearchRequest(image=photo(seed), routing=ALL)
        response: pb.SearchResponse = await self.stub.Search(request, timeout=timeout_seconds)
        return response


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> PublishedSnapshot:
    """A snapshot of the tiny embedder."""
    return publish(tmp_path_factory.mktemp("snapshot"))


def arguments(root: Path, topology: Path, triton: str) -> list[str]:
    """The command line."""
    settings = {
        "snapshot-root": root,
        "topology": topology,
        "triton": triton,
        "start-timeout-seconds": 5,
        "drain-seconds": 1,
        "light-mass": 0,  # forty photos at once make light shards late
    }
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


@asynccontextmanager
async def serving(snapshot: PublishedSnapshot, triton: str, topology: Path) -> AsyncIterator[Served]:
    """Start a gateway and wait until it serves."""
    async with AsyncExitStack() as stack:
        process = await stack.enter_async_context(started("gateway", *arguments(snapshot.root, topology, triton)))
        port = (await process.logged("serving"))["port"]
        channel = await stack.enter_async_context(channel_to(f"127.0.0.1:{port}"))
        yield Served(process, channel, search_pb2_grpc.SearchServiceStub(channel))


async def refused(*argv: str) -> Mapping[str, str]:
    """Start a gateway that cannot start, and return what it says."""
    async with started("gateway", *argv) as process:
        said = await process.logged("start_failed")
        assert await process.ended() == 1
        return said


async def test_it_serves_says_so_and_drains_without_losing_a_call(
    tmp_path: Path, snapshot: PublishedSnapshot, tiny_triton: TritonProcess
) -> None:
    """Health by name; SIGTERM in mid-call: every call that was in flight is answered, the streams too."""
    async with (
        searcher(snapshot) as target,
        serving(
            snapshot, tiny_triton.command.target, write_topology(tmp_path, {category: [target] for category in IMAGES})
        ) as gateway,
    ):
        assert await _health(gateway.channel) == {"": "SERVING", SERVICE: "SERVING", "nobody": "NOT_FOUND"}

        silent = gateway.stub.SearchStream(timeout=30)
        await silent.write(pb.SearchStreamRequest(request_id="1", request=pb.SearchRequest(image=photo(1))))
        assert (await silent.read()).request_id == "1"

        in_flight = [asyncio.create_task(gateway.search(seed)) for seed in range(40)]
        await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
        assert not all(call.done() for call in in_flight)
        gateway.process.signal(signal.SIGTERM)
        told = time.monotonic()
        await gateway.process.logged("draining")
        assert await _health(gateway.channel) == {"": "NOT_SERVING", SERVICE: "NOT_SERVING", "nobody": "NOT_FOUND"}
        while_draining = await gateway.search(0)
        answers = await asyncio.gather(*in_flight)
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await silent.read()
        assert await gateway.process.ended() == 0

    assert all(len(answer.hits) == 10 and not answer.coverage.partial for answer in [*answers, while_draining])
    assert failure_of(ended.value).reason == "NOT_SERVING"
    assert time.monotonic() - told < 5.0, "a silent stream must not hold the process for its whole grace"


async def test_a_searcher_that_dies_hangs_and_comes_back(
    tmp_path: Path, snapshot: PublishedSnapshot, tiny_triton: TritonProcess
) -> None:
    """Killed: failed; stopped: late, within the deadline; started again: complete. Never an error."""
    port = free_port()
    coat = ("searcher", "--snapshot-root", str(snapshot.root), "--shards", "coat", "--port", str(port))
    others = [category for category in IMAGES if category != "coat"]
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(searcher(snapshot, *others))
        topology = write_topology(
            tmp_path, {category: [target] for category in others} | {"coat": [f"127.0.0.1:{port}"]}
        )
        first = await stack.enter_async_context(started(*coat))
        await first.logged("serving")
        gateway = await stack.enter_async_context(serving(snapshot, tiny_triton.command.target, topology))
        assert not (await gateway.search(0)).coverage.partial

        first.signal(signal.SIGSTOP)
        answer = await gateway.search(0, timeout_seconds=0.5)  # gRPC would raise if it came after the deadline
        assert _missing(answer) == {"coat": pb.SHARD_STATE_LATE}
        assert len(answer.hits) == 10

        first.signal(signal.SIGKILL)
        await first.ended()
        states: Counter[int] = Counter()
        for seed in range(20):
            answer = await gateway.search(seed, timeout_seconds=2.0)
            assert len(answer.hits) == 10
            states.update(_missing(answer).values())
        assert states == {pb.SHARD_STATE_FAILED: 20}

        second = await stack.enter_async_context(started(*coat))
        await second.logged("serving")
        async with asyncio.timeout(5):  # the channel connects again within a second
            while (await gateway.search(0)).coverage.partial:
                pass


async def test_a_snapshot_of_another_embedder_is_refused(
    tmp_path: Path, snapshot: PublishedSnapshot, tiny_triton: TritonProcess
) -> None:
    """The process does not start, and the log says why and what to do."""
    other = publish(tmp_path, embedder=EMBEDDER.model_copy(update={"sha256": "ef" * 32, "version": "other-1"}))
    topology = write_topology(tmp_path, {})
    said = await refused(*arguments(other.root, topology, tiny_triton.command.target))
    assert said["reason"] == "SPACE_MISMATCH"
    for fact in (other.manifest.space_id, snapshot.manifest.space_id, "other-1", "index the catalogue again"):
        assert fact in said["error"]


async def test_what_is_missing_is_named(
    tmp_path: Path, snapshot: PublishedSnapshot, tiny_triton: TritonProcess
) -> None:
    """No snapshot, no shard map, no Triton: each has its reason, and the last does not take longer than it may."""
    topology, triton = write_topology(tmp_path, {}), tiny_triton.command.target
    nowhere = f"127.0.0.1:{free_port()}"
    for error, match, settings in (
        (SnapshotNotFound, "aisle index", (tmp_path, topology, triton)),
        (SettingsInvalid, "no-map.json", (snapshot.root, tmp_path / "no-map.json", triton)),
        (ModelUnavailable, nowhere, (snapshot.root, topology, nowhere)),
    ):
        root, map_file, target = settings
        gateway = Gateway(
            GatewaySettings(snapshot_root=str(root), topology=map_file, triton=target, start_timeout_seconds=0.3)
        )
        with pytest.raises(error, match=match):
            await gateway.start()
        await gateway.close()


async def _health(channel: grpc.aio.Channel) -> dict[str, str]:
    stub = health_pb2_grpc.HealthStub(channel)
    said = {}
    for name in ("", SERVICE, "nobody"):
        try:
            answer = await stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5)
            said[name] = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        except grpc.aio.AioRpcError as error:
            said[name] = error.code().name
    return said


def _missing(answer: pb.SearchResponse) -> dict[str, int]:
    return {shard.category: shard.state for shard in answer.coverage.shards if shard.state != pb.SHARD_STATE_ANSWERED}
