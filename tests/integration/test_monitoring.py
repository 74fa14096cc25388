"""Rules, alerts, dashboards and autoscalers against what real processes show to Prometheus."""

import asyncio
import re
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from aisle.search.v1 import search_pb2 as pb
from aisle.search.v1 import search_pb2_grpc

from services.models.process import TritonProcess
from tests.support.cluster import IMAGES, photo, publish, write_topology
from tests.support.monitoring import ROOT, Asked, Shown, asked, families, rules, shown, unknown
from tests.support.processes import started
from tests.support.servers import channel_to
from tests.support.triton import free_port, serving, triton_settings

pytestmark = pytest.mark.triton

ADDED = {"namespace", "pod", "job", "instance"}
"""Labels that Prometheus gives to whatever it reads from a pod."""


@dataclass(frozen=True, slots=True)
class Pages:
    """What each kind of process shows after some searches."""

    gateway: str
    searcher: str
    triton: str

    @property
    def shown(self) -> Shown:
        """All of it."""
        return shown(self.gateway, self.searcher, self.triton)


def page(port: int) -> str:
    """Read one process's metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        return str(response.read().decode())


@asynccontextmanager
async def searched(folder: Path, triton: str, *options: str) -> AsyncIterator[tuple[int, int]]:
    """Run a gateway and a searcher as processes, search once by each policy, and yield their ports for metrics."""
    snapshot, ports = publish(folder), (free_port(), free_port())
    async with AsyncExitStack() as stack:

        async def serve(name: str, port: int, *argv: str) -> str:
            common = ("--snapshot-root", str(snapshot.root), "--metrics-port", str(port))
            process = await stack.enter_async_context(started(name, *common, *argv))
            return f"127.0.0.1:{(await process.logged('serving'))['port']}"

        target = await serve("searcher", ports[1])
        topology = write_topology(folder, {slug: [target] for slug in IMAGES})
        argv = ("--topology", str(topology), "--triton", triton, "--agreement-share", "1", *options)
        address = await serve("gateway", ports[0], *argv)
        stub = search_pb2_grpc.SearchServiceStub(await stack.enter_async_context(channel_to(address)))
        for policy in (pb.POLICY_ALL, pb.POLICY_TOP_1):
            await stub.Search(pb.SearchRequest(image=photo(0), routing=pb.Routing(policy=policy)), timeout=10)
        compared = 'aisle_gateway_agreement_searches_total{outcome="compared",policy="top_1"} 1.0'
        async with asyncio.timeout(5):
            while compared not in await asyncio.to_thread(page, ports[0]):  # noqa: ASYNC110 - HTTP has no event
                await asyncio.sleep(0.05)
        yield ports


@pytest.fixture(scope="module")
def measured_triton(tiny_repository: Path) -> Iterator[tuple[str, int]]:
    """A Triton of our own: where it is, and its port for metrics."""
    port = free_port()
    with serving(triton_settings(tiny_repository, metrics_port=port)) as process:
        yield process.command.target, port


@pytest.fixture(scope="module")
async def pages(tmp_path_factory: pytest.TempPathFactory, measured_triton: tuple[str, int]) -> Pages:
    """Read once for all tests."""
    target, port = measured_triton
    async with searched(tmp_path_factory.mktemp("watched"), target) as ports:
        return Pages(*[await asyncio.to_thread(page, each) for each in (*ports, port)])


async def test_whatever_rules_dashboards_and_autoscalers_ask_for_is_shown(pages: Pages) -> None:
    """Every metric by its name, with every label that it is chosen or grouped by, and every value it must equal."""
    recorded = {rule["record"] for rule in rules("recording")}
    assert unknown(asked(), pages.shown, recorded=recorded, added=ADDED) == []


async def test_what_nobody_shows_is_noticed(pages: Pages) -> None:
    """A misspelt metric, label and value: the test above can fail."""
    wrong = [
        Asked("a", "sum(rate(aisle_gateway_fotos_total[5m]))"),
        Asked("b", "sum by (colour) (rate(aisle_gateway_photos_total[5m]))"),
        Asked("c", 'aisle_gateway_photos_total{outcome="lovely"}'),
        Asked("d", 'aisle_gateway_photo_seconds_bucket{le="0.3"}'),
    ]
    assert len(unknown(wrong, pages.shown, recorded=(), added=ADDED)) == 4


async def test_shard_names_are_limited_in_the_processes_too(tmp_path: Path, tiny_triton: TritonProcess) -> None:
    """With two names allowed, five shards have two of their own and one for the rest."""
    async with searched(tmp_path, tiny_triton.command.target, "--metrics-shards", "2") as (port, _):
        seen = shown(await asyncio.to_thread(page, port))
    names = seen["aisle_gateway_shard_seconds_count"]["shard"]
    assert len(names) == 3
    assert "other" in names


async def test_every_metric_has_a_line_in_the_documentation(pages: Pages) -> None:
    """And no line is about a metric that does not exist."""
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    written = set(re.findall(r"`(aisle_(?:gateway|searcher)_\w+)", text))
    ours = {name for name in families(pages.gateway, pages.searcher) if name.startswith("aisle_")}
    assert {name.removesuffix("_total") for name in written} == ours
