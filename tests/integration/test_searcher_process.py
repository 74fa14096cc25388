"""The searcher as a process of its own: its start and its end."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.channels import channel_options
from tests.support.processes import RunningProcess, started
from tests.support.searching import DIMENSION, flip_a_byte, refused, request
from tests.support.servers import channel_to
from tests.support.snapshots import PublishedSnapshot, publish_snapshot

CATEGORIES = {"Shoes": 40, "Bags": 7, "Hats & caps": 1}


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> PublishedSnapshot:
    """Three categories."""
    return publish_snapshot(tmp_path_factory.mktemp("root"), CATEGORIES, dimension=DIMENSION)


@asynccontextmanager
async def process(snapshot: PublishedSnapshot) -> AsyncIterator[tuple[RunningProcess, grpc.aio.Channel]]:
    """Start `python -m services.searcher` and yield it with a channel."""
    async with started("searcher", "--snapshot-root", str(snapshot.root), "--shards", "shoes,bags") as searcher:
        port = (await searcher.logged("serving"))["port"]
        async with channel_to(f"127.0.0.1:{port}") as channel:
            yield searcher, channel


async def test_the_process_serves_drains_on_sigterm_and_ends_with_status_0(snapshot: PublishedSnapshot) -> None:
    """Fifty searches are in flight when the signal comes, and all are answered."""
    async with process(snapshot) as (searcher, channel):
        stub = shard_pb2_grpc.ShardServiceStub(channel)
        described = await stub.Describe(shard_pb2.DescribeRequest(), timeout=5)
        assert [shard.shard for shard in described.shards] == ["bags", "shoes"]

        calls = [asyncio.ensure_future(stub.Search(request(snapshot), timeout=10)) for _ in range(50)]
        await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        searcher.signal(signal.SIGTERM)

        assert all(answer.neighbours for answer in await asyncio.gather(*calls))
        assert await searcher.ended() == 0


async def test_the_process_refuses_a_damaged_file_with_status_1(tmp_path: Path) -> None:
    """What an operator sees: the file's name in the log, and no traceback."""
    snapshot = publish_snapshot(tmp_path, CATEGORIES)
    flip_a_byte(snapshot.folder / "bags" / "index.faiss")

    async with started("searcher", "--snapshot-root", str(snapshot.root)) as searcher:
        failed = await searcher.logged("start_failed")
        assert await searcher.ended() == 1

    assert "bags/index.faiss" in failed["error"]
    assert "Traceback" not in "".join(searcher.log)


async def test_a_stopped_process_is_found_out_by_the_channel_s_pings(snapshot: PublishedSnapshot) -> None:
    """A call to a process that hangs fails long before its deadline, so that another replica can be asked."""
    # The pings of every channel, only more often: ten seconds would make a slow test.
    options = tuple((dict(channel_options()) | {"grpc.keepalive_time_ms": 1_000}).items())
    async with process(snapshot) as (searcher, _):
        port = json.loads(searcher.log[-1])["port"]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
            stub = shard_pb2_grpc.ShardServiceStub(channel)
            await stub.Search(request(snapshot), timeout=5)
            searcher.signal(signal.SIGSTOP)

            failure = await refused(stub.Search(request(snapshot), timeout=60))

    assert failure.code == "UNAVAILABLE"
