"""All steps in their order: what stands alone first, then the demo's system in turns with the limit."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from services.benchmarks.scale.photos import served_models
from services.benchmarks.speed.ceiling import gateway_before_stubs
from services.benchmarks.speed.figures import GatewayAlone, Measured, OneBackbone
from services.benchmarks.speed.footprint import resident_without_index
from services.benchmarks.speed.joined_models import JoinedDemo, compared
from services.benchmarks.speed.large_shard import measured_large_shard
from services.benchmarks.speed.limit import Limit, LimitAlone
from services.benchmarks.speed.runtime import same_version
from services.benchmarks.speed.served import DemoPhotos, Served
from services.benchmarks.speed.soak import soak_of
from services.benchmarks.speed.turns import Turns
from services.cli.demonstration import Demo
from services.cli.system import SystemSettings, running_system

Tell = Callable[[str], None]

PRODUCTS, QUERIES = 6_000, 600
"""As the demo's own."""
_STARTS = 5
_STUB_SECONDS = 5.0
_LIMIT_PHOTOS = 300
_SOAK_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Bench:
    """What is measured.

    Attributes:
        folder: reports, logs and what is built lie here.
        demo: the demo's folder, with its dataset and its snapshots.
        models: model repository.
        triton_environment: where Triton runs.
        blocks: turns of 25 photos.
        knees: searches for the knee.
        soak_minutes: of a long run at 80 % of the knee; 0 for none.
    """

    folder: Path
    demo: Path
    models: Path
    triton_environment: Path
    blocks: int
    knees: int
    soak_minutes: float


async def measure_limit(bench: Bench, say: Tell) -> LimitAlone:
    """Measure the limit by itself; arguments and errors as `measure`."""
    same_version(bench.triton_environment)
    demo = await _demo(bench)
    photos = DemoPhotos.of(bench.demo / "dataset")
    say("the limit: one process, by function call")
    with Limit(served_models(bench.models), demo.snapshot_root) as limit:
        return await asyncio.to_thread(limit.alone, photos.images(range(_LIMIT_PHOTOS)))


async def measure(bench: Bench, tell: Tell) -> Measured:
    """Bring up the demo's system, measure everything and return what came of it.

    Args:
        bench: what is measured.
        tell: hears of every step, and when it begins.

    Raises:
        AisleError: something could not be had, built or started; the message says what.
    """
    began = time.monotonic()

    def say(what: str) -> None:
        tell(f"{time.monotonic() - began:7.0f} s  {what}")

    onnxruntime, models = same_version(bench.triton_environment), served_models(bench.models)
    demo = await _demo(bench)
    say("a gateway before stubs")
    gateway = await _gateway_alone(bench.folder / "stubs", bench.models, demo.snapshot_root)
    say("a searcher of 60,000 vectors")
    large = await measured_large_shard(bench.folder / "large-shard", models, _STARTS, say)
    say("starting the demo's system")
    photos = DemoPhotos.of(bench.demo / "dataset")
    settings = SystemSettings(
        run_folder=bench.folder / "run",
        snapshot_root=demo.snapshot_root,
        model_repository=bench.models,
        triton_environment=bench.triton_environment,
        gateway_port=0,
    )
    async with running_system(settings) as system, Served(system, photos) as served:
        with Limit(models, demo.snapshot_root) as limit:
            say("the limit: one process, by function call")
            alone = await asyncio.to_thread(limit.alone, photos.images(range(_LIMIT_PHOTOS)))
            turns = Turns(served, limit, photos, say)
            same = await turns.same_answers()
            one_in_flight, processor = await turns.one_in_flight(bench.blocks), await turns.processor(bench.blocks)
            at_the_knee = await turns.at_the_knee(bench.knees, bench.folder)
            one_backbone = await _one_backbone(bench, served, limit, photos, say)
        soak = None
        if bench.soak_minutes:
            rate = _SOAK_SHARE * median(knee.rate or 0.0 for knee in at_the_knee.knees)
            say(f"{rate:.3g} photos a second for {bench.soak_minutes:g} minutes")
            soak = soak_of(await served.steady(rate, 60 * bench.soak_minutes, bench.folder / "soak", say))
        gateway_bytes = await asyncio.to_thread(resident_without_index, served.gateway_pid)
    return Measured(
        onnxruntime=onnxruntime,
        gateway=gateway,
        large_shard=large,
        limit=alone,
        same_answers=same,
        one_in_flight=one_in_flight,
        processor=processor,
        at_the_knee=at_the_knee,
        one_backbone=one_backbone,
        soak=soak,
        gateway_bytes=gateway_bytes,
        seconds=time.monotonic() - began,
    )


async def _demo(bench: Bench) -> Demo:
    """Prepare the demo and index it, as `aisle demo --serve` does; what an earlier run has made is used again."""
    demo = Demo(bench.demo, products=PRODUCTS, queries=QUERIES)
    demo.prepare_dataset()
    await demo.index()
    return demo


async def _one_backbone(bench: Bench, apart: Served, limit: Limit, photos: DemoPhotos, say: Tell) -> OneBackbone:
    demo = JoinedDemo(bench.folder / "one-backbone", bench.demo, bench.models, bench.triton_environment)
    await demo.prepare(say)
    async with demo.served(photos) as joined:
        return await compared(apart, joined, photos, Turns(joined, limit, photos, say), bench.blocks)


async def _gateway_alone(folder: Path, models: Path, snapshot_root: str) -> GatewayAlone:
    ready = []
    for _ in range(_STARTS):
        async with gateway_before_stubs(folder, models, snapshot_root) as alone:
            ready.append(alone.gateway.ready_seconds)
            if len(ready) == _STARTS:
                usual, large = await alone.usual(_STUB_SECONDS), await alone.large(_STUB_SECONDS)
    return GatewayAlone(usual, large, median(ready))
