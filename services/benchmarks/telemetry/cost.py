"""Telemetry on against off: two gateways with a searcher each before one Triton, the same photos in turns.

On is what production has: metrics that are read every fifteen seconds, one photo in a hundred traced to a collector, a
line in the log for what goes wrong. Off is none of it.
"""

import asyncio
import time
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final

from services.benchmarks.speed.ratios import Ratio, blocks_of, ratio_of
from services.benchmarks.speed.served import CASCADE, DemoPhotos
from services.benchmarks.starting import started
from services.benchmarks.targets import Target
from services.benchmarks.telemetry.collector import CountingCollector, collecting
from services.cli.supervising.machine import free_ports
from services.cli.supervising.processes import Kind, ProcessSpec
from services.cli.supervising.specs import gateway_spec, searcher_spec, triton_spec
from services.client import AisleClient
from services.common.errors import Internal
from services.evaluation.run import Run
from services.gateway.peers.topology import Topology
from services.snapshot.store import SnapshotStore

_BLOCK: Final = 10
"""Small, so that what else the machine does slows both halves of a turn alike."""
_IN_FLIGHT: Final = 4
_TOP_K: Final = 10
_TIMEOUT_SECONDS: Final = 30.0
_TRACE_SHARE: Final = 0.01
_READ_EVERY_SECONDS: Final = 15.0
"""As `k8s/monitoring` has it."""
_START_SECONDS: Final = 60.0
_MOST_P50: Final = 1.03
_LEAST_THROUGHPUT: Final = 0.97


@dataclass(frozen=True, slots=True)
class Setup:
    """What is measured on.

    Attributes:
        folder: for logs and shard maps; made when it is missing.
        snapshot_root: its current snapshot is served.
        dataset: of the photos.
        models: model repository.
        triton_environment: where Triton runs.
        blocks: turns of 10 photos.
    """

    folder: Path
    snapshot_root: str
    dataset: Path
    models: Path
    triton_environment: Path
    blocks: int


@dataclass(frozen=True, slots=True)
class TelemetryCost:
    """What came of it.

    Attributes:
        p50: at one in flight, on to off.
        throughput: photos a second at four in flight, on to off.
        p50_ms_off: milliseconds.
        photos_per_second_off: at four in flight.
        spans: that the collector got: 0 would mean that on was not on.
    """

    p50: Ratio
    throughput: Ratio
    p50_ms_off: float
    photos_per_second_off: float
    spans: int

    def target(self) -> Target:
        """Return the promise, and whether it is kept."""
        return Target(
            "telemetry on against off",
            {"p50": _MOST_P50, "throughput": _LEAST_THROUGHPUT},
            {"p50": self.p50.value, "throughput": self.throughput.value},
            at_most=("p50",),
        )


async def telemetry_cost(setup: Setup, say: Callable[[str], None]) -> TelemetryCost:
    """Measure it; enter it in the main thread.

    Args:
        setup: what is measured on.
        say: hears of every step.

    Raises:
        Internal: a process did not start, a photo was not answered, or nothing was traced.
        SnapshotNotFound: nothing was published there.
    """
    photos = DemoPhotos.of(setup.dataset)
    blocks = blocks_of(range(len(photos.queries)), _BLOCK)
    turns = [blocks[number % len(blocks)] for number in range(setup.blocks)]
    async with collecting() as collector, _two_ways(setup, photos, collector) as (on, off):
        say("one photo in flight, on and off in turns")
        p50 = [await _in_turns(_p50, on, off, turn, number) for number, turn in enumerate(turns)]
        say(f"{_IN_FLIGHT} photos in flight, on and off in turns")
        rates = [await _in_turns(_rate, on, off, turn, number) for number, turn in enumerate(turns)]
        await asyncio.sleep(2.0)  # spans leave once a second
    if not collector.spans:
        raise Internal("no span came to the collector: telemetry was not on")
    return TelemetryCost(
        p50=ratio_of(*zip(*p50, strict=True)),
        throughput=ratio_of(*zip(*rates, strict=True)),
        p50_ms_off=median(ms for _, ms in p50),
        photos_per_second_off=median(rate for _, rate in rates),
        spans=collector.spans,
    )


@asynccontextmanager
async def _two_ways(setup: Setup, photos: DemoPhotos, collector: CountingCollector) -> AsyncIterator[tuple[Run, Run]]:
    """Start Triton once and the rest twice; yield what searches with telemetry, and without."""
    manifest = await asyncio.to_thread(SnapshotStore(setup.snapshot_root).manifest)
    slugs = [shard.slug for shard in manifest.category_shards]
    triton_port, *ports = free_ports(7)
    triton = triton_spec(setup.models, setup.triton_environment, triton_port, start_timeout_seconds=_START_SECONDS)
    metrics_ports = ports[4:]
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(started(triton, setup.folder))
        runs = []
        for name, endpoint, (searcher_port, gateway_port) in (
            ("on", collector.endpoint, ports[:2]),
            ("off", "", ports[2:4]),
        ):
            searcher = searcher_spec(setup.snapshot_root, manifest.snapshot_id, slugs, searcher_port)
            topology = (setup.folder / f"{name}.json").absolute()
            shards = dict.fromkeys(slugs, (searcher.address,))
            topology.write_text(Topology(shards=shards).model_dump_json(), encoding="utf-8")
            gateway = gateway_spec(setup.snapshot_root, manifest.snapshot_id, topology, triton.address, gateway_port)
            for spec, port in ((searcher, metrics_ports[0]), (gateway, metrics_ports[1])):
                own = replace(spec, name=f"{spec.name}-{name}", argv=(*spec.argv, *_options(spec, endpoint, port)))
                await stack.enter_async_context(started(own, setup.folder))
            client = await stack.enter_async_context(AisleClient(gateway.address))
            runs.append(Run(client, photos.queries, photos.root, top_k=_TOP_K, timeout_seconds=_TIMEOUT_SECONDS))
            await runs[-1].warm_up((CASCADE,))
        reading = asyncio.create_task(_read(metrics_ports))
        stack.callback(reading.cancel)
        yield runs[0], runs[1]


def _options(spec: ProcessSpec, endpoint: str, metrics_port: int) -> Sequence[str]:
    """Return what turns telemetry on, or off where there is no collector to send spans to."""
    # An agreement check would search again what only one of the two counts.
    checks = ("--agreement-share", "0") if spec.kind is Kind.GATEWAY else ()
    if not endpoint:
        return ("--request-log", "none", *checks)
    traces = ("--trace-endpoint", endpoint, "--trace-share", str(_TRACE_SHARE))
    return ("--metrics-port", str(metrics_port), *traces, *checks)


async def _read(ports: Sequence[int]) -> None:
    """Read the metrics as Prometheus does."""
    while True:
        for port in ports:
            await asyncio.to_thread(urllib.request.urlopen, f"http://127.0.0.1:{port}/metrics", timeout=5)
        await asyncio.sleep(_READ_EVERY_SECONDS)


async def _in_turns(
    figure: Callable[[Run, Sequence[int]], Awaitable[float]], on: Run, off: Run, turn: Sequence[int], number: int
) -> tuple[float, float]:
    """Return a figure on and off; who comes second finds the photos read already, so each does as often."""
    if number % 2:
        second = await figure(off, turn)
        return await figure(on, turn), second
    first = await figure(on, turn)
    return first, await figure(off, turn)


async def _p50(run: Run, numbers: Sequence[int]) -> float:
    """Return the median milliseconds of photos, one by one."""
    seen = await run.observe([(number, (CASCADE,)) for number in numbers], in_flight=1)
    if any(each.outcome != "ok" for each in seen):
        raise Internal("a photo got no full answer")
    return median(each.latency_ms for each in seen)


async def _rate(run: Run, numbers: Sequence[int]) -> float:
    """Return photos a second, some at a time."""
    began = time.perf_counter()
    await run.observe([(number, (CASCADE,)) for number in numbers], in_flight=_IN_FLIGHT)
    return len(numbers) / (time.perf_counter() - began)
