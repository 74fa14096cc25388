"""One photo through real processes, as an operator sees it: spans at a collector, a line in each log, its id."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from aisle.search.v1 import search_pb2 as pb
from aisle.search.v1 import search_pb2_grpc

from services.models.process import TritonProcess
from tests.support.cluster import IMAGES, photo, publish, write_topology
from tests.support.collector import Collector, collecting
from tests.support.processes import RunningProcess, started
from tests.support.servers import channel_to
from tests.support.snapshots import PublishedSnapshot

pytestmark = pytest.mark.triton

ALL = pb.Routing(policy=pb.POLICY_ALL)
SLOW = "coat"
PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
SECRET = "never-to-be-logged-9"


@dataclass(frozen=True, slots=True)
class Shop:
    """A gateway and two searchers, one of them of one shard only."""

    gateway: RunningProcess
    slow: RunningProcess
    stub: search_pb2_grpc.SearchServiceStub
    collector: Collector


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> PublishedSnapshot:
    """A snapshot of the tiny embedder."""
    return publish(tmp_path_factory.mktemp("snapshot"))


@asynccontextmanager
async def shop(
    folder: Path, snapshot: PublishedSnapshot, triton: str, endpoint: str, **gateway_settings: object
) -> AsyncIterator[Shop]:
    """Run it; every request has a line in the log."""
    async with AsyncExitStack() as stack:
        collector = await stack.enter_async_context(collecting())
        settings: dict[str, object] = {"snapshot-root": snapshot.root, "request-log": "all"}
        common = words({**settings, "trace-endpoint": endpoint or collector.endpoint})
        others = ",".join(slug for slug in IMAGES if slug != SLOW)
        searchers = [
            await stack.enter_async_context(started("searcher", *common, "--shards", slugs)) for slugs in (SLOW, others)
        ]
        slow_port, others_port = [(await searcher.logged("serving"))["port"] for searcher in searchers]
        topology = write_topology(
            folder, {slug: [f"127.0.0.1:{slow_port if slug == SLOW else others_port}"] for slug in IMAGES}
        )
        settings = {"topology": topology, "triton": triton, "light-mass": 0, **gateway_settings}
        gateway = await stack.enter_async_context(started("gateway", *common, *words(settings)))
        port = (await gateway.logged("serving"))["port"]
        channel = await stack.enter_async_context(channel_to(f"127.0.0.1:{port}"))
        yield Shop(gateway, searchers[0], search_pb2_grpc.SearchServiceStub(channel), collector)


def words(settings: Mapping[str, object]) -> list[str]:
    """Return settings as words of a command line."""
    return [word for name, value in settings.items() for word in (f"--{name}", str(value))]


async def asked(shop: Shop, **metadata: str) -> tuple[pb.SearchResponse, Mapping[str, Any]]:
    """Search every category, and return the answer with its trailers."""
    pairs = tuple((key.replace("_", "-"), value) for key, value in metadata.items())
    call = shop.stub.Search(pb.SearchRequest(image=photo(0), routing=ALL), timeout=10, metadata=pairs)
    return await call, dict(await call.trailing_metadata())


def trailers_of(call: Any) -> Mapping[str, Any]:
    """Return what came after a refusal; its stubs say less than it is."""
    return dict(call.trailing_metadata())


async def test_a_slow_shard_is_seen_in_the_trace(
    tmp_path: Path, snapshot: PublishedSnapshot, tiny_triton: TritonProcess
) -> None:
    """One trace through gateway and searchers, under the caller's span; the shard that was slow stands out."""
    async with shop(tmp_path, snapshot, tiny_triton.command.target, "", **{"trace-share": 0}) as it:
        await asked(it)  # not traced by its caller, and the share is 0
        it.slow.signal(signal.SIGSTOP)
        asking = asyncio.create_task(asked(it, traceparent=PARENT, x_request_id="r-slow"))
        await asyncio.sleep(0.5)
        it.slow.signal(signal.SIGCONT)
        answer, trailers = await asking
        spans = await it.collector.until(lambda all_: sum(span.name == "search" for span in all_) == len(IMAGES))
        spans = await it.collector.until(lambda all_: any(span.parent_id == PARENT.split("-")[2] for span in all_))
        line = await it.gateway.logged("request")
        line = await it.gateway.logged("request") if line["request_id"] != "r-slow" else line

    assert not answer.coverage.partial
    assert trailers["x-request-id"] == "r-slow"
    assert {span.trace_id for span in spans} == {PARENT.split("-")[1]} == {line["trace_id"]}
    by_id = {span.span_id: span for span in spans}
    [first] = [span for span in spans if span.parent_id not in by_id]
    assert (first.service, first.name) == ("aisle-gateway", "aisle.search.v1.SearchService/Search")
    assert first.attributes["aisle.request_id"] == "r-slow"

    shards = {span.attributes["aisle.shard"]: span for span in spans if span.name == "shard"}
    assert shards.keys() == IMAGES.keys()
    assert max(shards, key=lambda slug: shards[slug].seconds) == SLOW
    assert shards[SLOW].seconds > 0.4
    assert all(by_id[span.parent_id].name == "scatter" for span in shards.values())
    for searched in (span for span in spans if span.name == "search"):
        served = by_id[searched.parent_id]
        assert served.service == searched.service == "aisle-searcher"
        assert by_id[served.parent_id] is shards[searched.attributes["aisle.shard"]]
    stages = {span.name for span in spans if span.parent_id == first.span_id}
    assert {"decode", "embed", "route", "scatter", "merge"} <= stages
    models = {span.attributes["aisle.model"]: by_id[span.parent_id].name for span in spans if span.name == "model"}
    assert models["embedder"] == "embed"


async def test_every_line_and_every_answer_has_the_request_s_id_and_no_secret(
    tmp_path: Path, snapshot: PublishedSnapshot, tiny_triton: TritonProcess
) -> None:
    """A caller's id or one of ours; refusals and photos of a stream, too; a collector that is away disturbs nobody."""
    away = "http://127.0.0.1:9"
    async with shop(tmp_path, snapshot, tiny_triton.command.target, away, **{"trace-share": 1}) as it:
        _, trailers = await asked(it, authorization=f"Bearer {SECRET}")
        bad = it.stub.Search(pb.SearchRequest(image=b"no photo"), timeout=10, metadata=(("x-request-id", "r-bad"),))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await bad
        stream = it.stub.SearchStream(timeout=10)
        await stream.write(pb.SearchStreamRequest(request_id="p-1", request=pb.SearchRequest(image=photo(1))))
        await stream.write(pb.SearchStreamRequest(request_id="p-2", request=pb.SearchRequest(image=b"no photo")))
        await stream.done_writing()
        answered = {response.request_id async for response in stream}
        it.gateway.signal(signal.SIGTERM)
        async with asyncio.timeout(6):  # spans that nobody takes must not hold it
            assert await it.gateway.ended() == 0
        it.slow.signal(signal.SIGTERM)
        assert await it.slow.ended() == 0

    assert answered == {"p-1", "p-2"}
    assert trailers_of(refused.value)["x-request-id"] == "r-bad"
    log = [json.loads(line) for line in it.gateway.log]  # every line is JSON, whoever wrote it
    lines = {line["request_id"]: line for line in log if line["event"] == "request"}
    assert len(lines) == sum(line["event"] == "request" for line in log) == 5
    assert trailers["x-request-id"] in lines
    assert (lines["r-bad"]["code"], lines["r-bad"]["reason"]) == ("INVALID_ARGUMENT", "IMAGE_UNREADABLE")
    assert (lines["p-1"]["code"], lines["p-2"]["code"]) == ("OK", "INVALID_ARGUMENT")
    assert all(len(line["trace_id"]) == 32 for line in lines.values())
    assert SECRET not in "".join(it.gateway.log)
    searched = {line["request_id"] for line in map(json.loads, it.slow.log) if line.get("method") == "Search"}
    assert searched >= {trailers["x-request-id"], "p-1"}, "a searcher's lines are found by the photo's id"


@pytest.mark.parametrize("endpoint", ["collector:4317", "ftp://collector", "http://"])
async def test_an_endpoint_that_is_none_is_refused_at_the_start(tmp_path: Path, endpoint: str) -> None:
    """Before anything is loaded, with what it should look like."""
    settings = ("--snapshot-root", str(tmp_path), "--trace-endpoint", endpoint)
    async with started("searcher", *settings) as process:
        said = await process.logged("start_failed")
        assert await process.ended() == 2
    assert "http://collector:4317" in said["error"]
