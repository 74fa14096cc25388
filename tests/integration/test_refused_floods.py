"""Who may not call, or not so often, can't fill a process's memory with what it sends."""

import asyncio
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2
from grpc_health.v1 import health_pb2

from services.benchmarks.scale.memory import resident
from services.common.channels import channel_options
from tests.support.cluster import publish
from tests.support.guarded import Trust, outcome
from tests.support.processes import started
from tests.support.triton import free_port

MEGABYTE = 1_000_000
SEARCH = "/aisle.shard.v1.ShardService/Search"
CHECK = "/grpc.health.v1.Health/Check"
LARGE = shard_pb2.SearchRequest(query_vectors=bytes(20_000_000)).SerializeToString()
LONG = health_pb2.HealthCheckRequest(service="x" * 20_000_000).SerializeToString()


@pytest.mark.parametrize(
    ("port", "method", "message", "headers"),
    [
        ("port", SEARCH, LARGE, ()),
        ("port", SEARCH, LARGE, (("authorization", "Bearer right"),)),
        ("probe_port", CHECK, LONG, ()),
    ],
    ids=["a stranger", "one that has a rate", "a probe"],
)
async def test_what_refused_callers_send_is_not_kept(
    tmp_path: Path, port: str, method: str, message: bytes, headers: tuple[tuple[str, str], ...]
) -> None:
    """Fifty calls of 20 MB at a time, again and again: a gigabyte, if each was read before it is refused."""
    trust, root, ports = Trust(tmp_path), publish(tmp_path).root, {"probe_port": free_port()}
    trust.access.write_text(
        trust.access.read_text().replace("rights: [search]", "rights: [search], calls_per_second: 0.001")
    )
    settings = ("--snapshot-root", str(root), "--access-file", str(trust.access), "--probe-port", ports["probe_port"])
    async with started("searcher", *map(str, settings)) as searcher:
        ports["port"] = (await searcher.logged("serving"))["port"]
        before, most = resident([searcher.pid]).rss, 0
        options = (*channel_options(), ("grpc.use_local_subchannel_pool", 1))
        channels = [grpc.aio.insecure_channel(f"127.0.0.1:{ports[port]}", options=options) for _ in range(4)]

        async def call(channel: grpc.aio.Channel) -> None:
            send: Any = channel.unary_unary(method, None, None)
            for _ in range(3):
                assert await outcome(send(message, timeout=30, metadata=headers)) != "OK"

        calls = asyncio.gather(*(call(channel) for channel in channels for _ in range(12)))
        while not calls.done():
            most = max(most, resident([searcher.pid]).rss)
            await asyncio.sleep(0.02)
        await calls
        await asyncio.gather(*(channel.close(None) for channel in channels))
    assert most - before < 150 * MEGABYTE
