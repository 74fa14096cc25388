"""Who may not call, or not so often, can't fill a process's memory with what it sends."""

import asyncio
from pathlib import Path

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.benchmarks.scale.memory import resident
from services.common.channels import channel_options
from tests.support.cluster import publish
from tests.support.guarded import Trust, outcome
from tests.support.processes import started

LARGE = shard_pb2.SearchRequest(query_vectors=bytes(20_000_000))
MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    "headers", [(), (("authorization", "Bearer right"),)], ids=["a stranger", "one that has a rate"]
)
async def test_what_refused_callers_send_is_not_kept(tmp_path: Path, headers: tuple[tuple[str, str], ...]) -> None:
    """Fifty calls of 20 MB at a time, again and again: a gigabyte, if each was read before it is refused."""
    trust, root = Trust(tmp_path), publish(tmp_path).root
    trust.access.write_text(
        trust.access.read_text().replace("rights: [search]", "rights: [search], calls_per_second: 0.001")
    )
    async with started("searcher", "--snapshot-root", str(root), "--access-file", str(trust.access)) as searcher:
        address = f"127.0.0.1:{(await searcher.logged('serving'))['port']}"
        before, most = resident([searcher.pid]).rss, 0
        options = (*channel_options(), ("grpc.use_local_subchannel_pool", 1))
        channels = [grpc.aio.insecure_channel(address, options=options) for _ in range(4)]

        async def call(channel: grpc.aio.Channel) -> None:
            search = shard_pb2_grpc.ShardServiceStub(channel).Search
            for _ in range(3):
                await outcome(search(LARGE, timeout=30, metadata=headers))

        calls = asyncio.gather(*(call(channel) for channel in channels for _ in range(12)))
        while not calls.done():
            most = max(most, resident([searcher.pid]).rss)
            await asyncio.sleep(0.02)
        await asyncio.gather(*(channel.close(None) for channel in channels))
    assert most - before < 150 * MEGABYTE
