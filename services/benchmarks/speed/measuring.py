"""All steps in their order: what stands alone first, then the demo's system in turns with the limit."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from services.benchmarks.scale.photos import served_models
from services.benchmarks.speed.answering import Answering
from services.benchmarks.speed.ceiling import gateway_before_stubs
from services.benchmarks.speed.figures import GatewayAlone, Measured, OneBackbone
from services.benchmarks.speed.footprint import resident_without_index
from services.benchmarks.speed.joined_models import JoinedDemo, compared
from services.benchmarks.speed.large_shard import measured_large_shard
from services.benchmarks.speed.limit import Limit, LimitAlone
from services.benchmarks.speed.runtime import same_version
from services.benchmarks.speed.served import DemoPhotos, Served
from services.benchmarks.speed.soak import Soak, soak_of
from services.benchmarks.speed.straight import Straight
from services.benchmarks.speed.turns import Turns, rate_of
from services.cli.demonstration import Demo
from services.cli.stopping import signals_set
from services.cli.supervising.system import SystemSettings, running_system
from services.common.errors import Internal

Tell = Callable[[str], None]

PRODUCTS, QUERIES = 6_000, 600
"""As the demo's own."""
_STARTS = 5
_STUB_SECONDS = 5.0
_LIMIT_PHOTOS = 300
_SOAK_SHARE = 0.8
_SOAK_WARM_UP_SECONDS = 60.0
_FIRST_RATE = 80.0
"""Photos a second, where the search for the knee begins when nothing is known of the machine."""


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
        knee: photos a second, where it is known already; None to look for it. For a long run alone.
        shards_per_searcher: as of `aisle up`; 0 for its default.
    """

    folder: Path
    demo: Path
    models: Path
    triton_environment: Path
    blocks: int
    knees: int
    soak_minutes: float
    knee: float | None = None
    shards_per_searcher: int = 0

    def system(self, snapshot_root: str) -> SystemSettings:
        """Return how the demo's system is run."""
        return SystemSettings(
            run_folder=self.folder / "run",
            snapshot_root=snapshot_root,
            model_repository=self.models,
            triton_environment=self.triton_environment,
            gateway_port=0,
            shards_per_searcher=self.shards_per_searcher,
        )


async def measure_limit(bench: Bench, say: Tell) -> LimitAlone:
    """Measure the limit by itself; arguments and errors as `measure`."""
    same_version(bench.triton_environment)
    demo = await _demo(bench)
    photos = DemoPhotos.of(bench.demo / "dataset")
    say("the limit: one process, by function call")
    models = served_models(bench.models)
    with Limit(models, Answering(models, demo.snapshot_root)) as limit:
        return await asyncio.to_thread(limit.alone, photos.images(range(_LIMIT_PHOTOS)))


async def measure(bench: Bench, tell: Tell) -> Measured:
    """Bring up the demo's system, measure everything and return what came of it.

    Args:
        bench: what is measured.
        tell: hears of every step, and when it begins.

    Raises:
        AisleError: something could not be had, built or started; the message says what.
    """
    began, say = time.monotonic(), _clocked(tell)
    onnxruntime, models = same_version(bench.triton_environment), served_models(bench.models)
    demo = await _demo(bench)
    say("a gateway before stubs")
    gateway = await _gateway_alone(bench.folder / "stubs", bench.models, demo.snapshot_root)
    say("a searcher of 60,000 vectors")
    large = await measured_large_shard(bench.folder / "large-shard", models, _STARTS, say)
    say("starting the demo's system")
    photos = DemoPhotos.of(bench.demo / "dataset")
    async with running_system(bench.system(demo.snapshot_root)) as system, Served(system, photos) as served:
        answering = Answering(models, demo.snapshot_root)
        async with Straight(served.triton, answering) as straight:
            with Limit(models, answering) as limit:
                say("the limit: one process, by function call")
                alone = await asyncio.to_thread(limit.alone, photos.images(range(_LIMIT_PHOTOS)))
                turns = Turns(served, straight, limit, photos, say)
                same = await turns.same_answers()
                one_in_flight, processor = await turns.one_in_flight(bench.blocks), await turns.processor(bench.blocks)
                at_the_knee = await turns.at_the_knee(bench.knees, bench.folder)
                one_backbone = await _one_backbone(bench, turns)
        soak = None
        if bench.soak_minutes:
            try:
                soak = await _soak(bench, served, at_the_knee.photos_per_second, say)
            except Internal as nothing:  # all else was measured, and is worth its report
                say(nothing.message)
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


async def measure_soak(bench: Bench, tell: Tell) -> Soak:
    """Bring up the demo's system for a long run and nothing else; arguments and errors as `measure`.

    Its knee is looked for first, unless it is known; Ctrl-C and SIGTERM end the run, and what it measured is returned.
    """
    say = _clocked(tell)
    demo = await _demo(bench)
    say("starting the demo's system")
    photos = DemoPhotos.of(bench.demo / "dataset")
    async with running_system(bench.system(demo.snapshot_root)) as system, Served(system, photos) as served:
        if bench.knee is not None:
            return await _soak(bench, served, bench.knee, say)
        say("looking for the knee")
        return await _soak(bench, served, rate_of(await served.knee(_FIRST_RATE, bench.folder / "knee", say)), say)


async def _soak(bench: Bench, served: Served, knee: float, say: Tell) -> Soak:
    """Return how a long run ended.

    Raises:
        Internal: it was ended before it began, or has no answers.
    """
    rate = _SOAK_SHARE * knee
    stop = asyncio.Event()
    with signals_set(stop):
        say(f"{rate:.3g} photos a second for a minute, which does not count: what grows at first has grown then")
        await served.steady(rate, _SOAK_WARM_UP_SECONDS, bench.folder / "soak-warm-up", say, stop)
        if stop.is_set():
            raise Internal("the long run was ended before it began")
        say(f"{rate:.3g} photos a second for {bench.soak_minutes:g} minutes")
        report = await served.steady(rate, 60 * bench.soak_minutes, bench.folder / "soak", say, stop)
    return soak_of(report)


def _clocked(tell: Tell) -> Tell:
    """Return the same, with the seconds since now before each step."""
    began = time.monotonic()
    return lambda what: tell(f"{time.monotonic() - began:7.0f} s  {what}")


async def _demo(bench: Bench) -> Demo:
    """Prepare the demo and index what has changed, as `aisle demo --serve` does, which may be serving it."""
    demo = Demo(
        bench.demo,
        products=PRODUCTS,
        queries=QUERIES,
        model_repository=bench.models,
        triton_environment=bench.triton_environment,
    )
    demo.prepare_dataset()
    await demo.index_what_changed()
    return demo


async def _one_backbone(bench: Bench, apart: Turns) -> OneBackbone:
    demo = JoinedDemo(bench.folder / "one-backbone", bench.demo, bench.models, bench.triton_environment)
    await demo.prepare(apart.say)
    async with demo.served(apart.photos) as joined:
        return await compared(apart, joined, bench.blocks)


async def _gateway_alone(folder: Path, models: Path, snapshot_root: str) -> GatewayAlone:
    ready = []
    for _ in range(_STARTS):
        async with gateway_before_stubs(folder, models, snapshot_root) as alone:
            ready.append(alone.gateway.ready_seconds)
            if len(ready) == _STARTS:
                usual, large = await alone.usual(_STUB_SECONDS), await alone.large(_STUB_SECONDS)
    return GatewayAlone(usual, large, median(ready))
