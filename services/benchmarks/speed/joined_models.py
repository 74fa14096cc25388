"""The demo with both models in one, beside the demo as it is: the same photos, systems in turns."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from services.benchmarks.speed.figures import OneBackbone
from services.benchmarks.speed.ratios import blocks_of, ratio_of
from services.benchmarks.speed.served import DemoPhotos, Served
from services.benchmarks.speed.turns import System, Turns
from services.cli.indexing import IndexJob, run_indexer
from services.cli.supervising.system import SystemSettings, TritonAloneSettings, running_system, running_triton
from services.client import Policy
from services.datasets.fashion_mnist import FashionOptions, prepare
from services.datasets.labelled import read_dataset
from services.evaluation.observation import Way
from services.training.fitting import FitJob, fit
from services.training.joined_release import join_repository
from services.training.ways import WayName

_TRAIN_PHOTOS = 3_000
_BLOCK = 50
_IN_FLIGHT = 8
"""More than the cores, so that none of them waits; few enough that none is refused."""
_ONE_SHARD = Way(Policy.TOP_1)
"""The head is a stand-in, less sure than the demo's classifier, and ADAPTIVE asks more shards for it. What one network
brings shows where both systems do as much for a photo."""


@dataclass(frozen=True, slots=True)
class JoinedDemo:
    """Where the demo's twin lies.

    Attributes:
        folder: everything that is made for it.
        demo: the demo's folder, whose dataset is indexed and searched.
        models: the repository whose embedder is kept.
        triton_environment: where Triton runs.
    """

    folder: Path
    demo: Path
    models: Path
    triton_environment: Path

    @property
    def repository(self) -> Path:
        """The joined model."""
        return self.folder / "joined"

    @property
    def snapshot_root(self) -> str:
        """Its own snapshots: of the same vectors, with what held-out photos say of its classifier."""
        return str(self.folder / "snapshots")

    async def prepare(self, say: Callable[[str], None]) -> None:
        """Fit a head to the embedder's network, join them, and index; features and vectors are made once.

        Raises:
            AisleError: something could not be had, fitted or indexed.
        """
        say("both models in one: a head on the embedder's network, and the demo indexed with it")
        await asyncio.to_thread(self._fit)
        settings = TritonAloneSettings(
            run_folder=self.folder / "triton",
            model_repository=self.repository,
            triton_environment=self.triton_environment,
        )
        dataset = read_dataset(self.demo / "dataset")
        async with running_triton(settings) as triton:
            job = IndexJob(dataset.catalogue, dataset.image_root, self.snapshot_root, dataset.name, dataset.val)
            await run_indexer(job, triton)

    @asynccontextmanager
    async def served(self, photos: DemoPhotos) -> AsyncIterator[Served]:
        """Run it for the time of the context."""
        settings = SystemSettings(
            run_folder=self.folder / "run",
            snapshot_root=self.snapshot_root,
            model_repository=self.repository,
            triton_environment=self.triton_environment,
            gateway_port=0,
        )
        async with running_system(settings) as system, Served(system, photos) as served:
            yield served

    def _fit(self) -> None:
        options = FashionOptions(products=100, queries=10, train_photos=_TRAIN_PHOTOS)
        dataset = prepare(self.folder / "dataset", self.demo.parent / "cache", options)
        apart = self.folder / "apart"
        job = FitJob(
            way=WayName.HEAD,
            dataset_folder=dataset,
            out=apart,
            base=self.models,
            work=self.folder / "fit",
            command="make bench",
            seed=FashionOptions().seed,
            tuning={},
            int8=False,
            keep_embedder=True,
            replace=True,
        )
        fit(job, lambda *_: None, lambda _: None)
        join_repository(apart, self.repository, command="make bench", replace=True)
        shutil.rmtree(apart)


async def compared(apart: Turns, joined: Served, blocks: int) -> OneBackbone:
    """Count the processor time of the twin's photos, and then search the same photos here and there, several at a time.

    Args:
        apart: the demo as it is, in turns with the limit.
        joined: its twin with one model.
        blocks: turns.
    """
    turns = replace(apart, served=joined)
    # Before the load: after it, second waves are given up for some seconds.
    one_shard, adaptive = await turns.processor(2 * blocks, _ONE_SHARD), await turns.processor(blocks)
    turns.say("both models in one: photos a second, in turns with two models")
    whole = blocks_of(range(len(turns.photos.queries)), _BLOCK)
    joined_rates, apart_rates = list[float](), list[float]()
    for number in range(blocks):
        block = whole[number % len(whole)]
        apart_rates.append(await _rate(apart.served, block))
        joined_rates.append(await _rate(joined, block))
    return OneBackbone(
        to_two_models=ratio_of(joined_rates, apart_rates),
        photos_per_second=median(joined_rates),
        two_models_photos_per_second=median(apart_rates),
        one_shard=one_shard,
        adaptive=adaptive,
    )


async def _rate(served: System, block: Sequence[int]) -> float:
    began = time.perf_counter()
    await served.searched(block, _ONE_SHARD, _IN_FLIGHT)
    return len(block) / (time.perf_counter() - began)
