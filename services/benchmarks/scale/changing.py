"""A gallery that changes while it is searched: how soon what is added is found, and what callers notice of a switch."""

import asyncio
import csv
import os
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from services.benchmarks.scale.building import Built, Say
from services.benchmarks.scale.drawing import BRAND, LOT
from services.benchmarks.scale.end_to_end import SEARCH_TIMEOUT_SECONDS, START_TIMEOUT_SECONDS, searcher_pids
from services.benchmarks.scale.latency import Latency
from services.benchmarks.scale.load import Load
from services.benchmarks.scale.memory import MemoryWatch
from services.benchmarks.scale.one_shard import usual_shard
from services.benchmarks.scale.photos import ServedModels
from services.cli.supervising.system import RunningSystem, SystemSettings, running_system
from services.client import AisleClient
from services.common.errors import Internal
from services.indexer.adding import add_to_snapshot
from services.indexer.config import IndexerSettings
from services.snapshot.layout import CURRENT, SNAPSHOTS
from services.snapshot.rollback import roll_back

_BATCHES = 3
_PICTURES_PER_PRODUCT = 50
_POLL_SECONDS = 0.02
_PATIENCE_SECONDS = 120.0
_STEADY_SECONDS = 20.0
_AFTERWARDS_SECONDS = 2.0
"""What a switch leaves to do, such as pages that are read for the first time, belongs to it."""


@dataclass(frozen=True, slots=True)
class Switched:
    """What callers and memory notice of switches.

    Attributes:
        errors: calls that failed, of all.
        steady: calls while nothing changed.
        switching: calls from the moment when another snapshot was current until shortly after it was served.
        steady_bytes: most memory of all searchers while nothing changed.
        peak_bytes: most memory while snapshots were switched.
    """

    errors: int
    steady: Latency
    switching: Latency
    steady_bytes: int
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Changes:
    """What changes cost.

    Attributes:
        pictures: added at a time, to one shard.
        visible_seconds: from the last vector to the first answer with one of them: the median of the batches.
        switched: what was noticed of the same changes.
    """

    pictures: int
    visible_seconds: float
    switched: Switched


@dataclass(frozen=True, slots=True)
class _Place:
    """Where it happens: a root of its own that shares its files with the gallery's, by hard links."""

    root: Path
    run_folder: Path
    models: ServedModels
    triton: str
    shards_per_searcher: int

    @asynccontextmanager
    async def system(self) -> AsyncIterator[RunningSystem]:
        settings = SystemSettings(
            run_folder=self.run_folder,
            snapshot_root=str(self.root),
            triton=self.triton,
            model_repository=self.models.repository,
            gateway_port=0,
            shards_per_searcher=self.shards_per_searcher,
            start_timeout_seconds=START_TIMEOUT_SECONDS,
        )
        async with running_system(settings) as system:
            yield system

    def go_to(self, snapshot_id: str) -> None:
        roll_back(str(self.root), snapshot_id, lambda _: None, work_root=self.root)


async def measured_changes(
    folder: Path,
    built: Built,
    pictures: Sequence[Path],
    images: Sequence[bytes],
    models: ServedModels,
    *,
    triton: str,
    shards_per_searcher: int,
    say: Say,
) -> Changes:
    """Add pictures to the usual shard batch by batch, then have the system follow the same steps under load.

    Args:
        folder: for the processes' logs, the catalogues and the changed snapshots.
        built: the gallery; it stays as it is.
        pictures: files to add, all of them in each batch.
        images: encoded photos to search with.
        models: what Triton serves.
        triton: its `host:port`.
        shards_per_searcher: how many shards share a process.
        say: hears of every step.

    Raises:
        AisleError: a process can't start, or what was added is not found.
    """
    place = _Place(folder / "root", folder / "system", models, triton, shards_per_searcher)
    _share(built, place.root)
    category = usual_shard(built.manifest).category
    batches = [_Batch(folder / f"batch-{number}.csv", number, category, pictures) for number in range(_BATCHES)]
    visible, snapshot_ids = await _visible(batches, place, say)
    place.go_to(built.manifest.snapshot_id)
    say("searching while nothing changes, then while snapshots are switched")
    switched = await _switched(snapshot_ids, place, images)
    shutil.rmtree(place.root)
    return Changes(len(pictures), float(np.median(visible)), switched)


async def _visible(batches: Sequence["_Batch"], place: _Place, say: Say) -> tuple[list[float], list[str]]:
    """Add batches; return the seconds until each was found, and the ids of the snapshots."""
    visible, snapshot_ids = [], []
    async with place.system() as system, AisleClient(system.gateway) as client:
        for batch in batches:
            say(f"adding {len(batch.pictures):,} pictures to {batch.category}, batch {batch.number + 1} of {_BATCHES}")
            seconds, snapshot_id = await _added(batch, place, client)
            visible.append(seconds)
            snapshot_ids.append(snapshot_id)
    return visible, snapshot_ids


async def _switched(snapshot_ids: Sequence[str], place: _Place, images: Sequence[bytes]) -> Switched:
    """Search while nothing changes and while one snapshot after the other becomes the current one."""
    async with place.system() as system, AisleClient(system.gateway) as client:
        load, memory = Load(client, images), MemoryWatch(searcher_pids(system))
        async with load.running(), memory.watching():
            await asyncio.sleep(_AFTERWARDS_SECONDS)
            began = time.perf_counter()
            await asyncio.sleep(_STEADY_SECONDS)
            steady, steady_bytes = load.since(began), memory.peak()
            switching: list[float] = []
            for snapshot_id in snapshot_ids:
                began = time.perf_counter()
                await asyncio.to_thread(place.go_to, snapshot_id)
                await _served(client, snapshot_id)
                await asyncio.sleep(_AFTERWARDS_SECONDS)
                switching += load.since(began)
            peak_bytes = memory.peak()
    return Switched(load.errors, Latency.of(steady), Latency.of(switching), steady_bytes, peak_bytes)


def _share(built: Built, root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    snapshot_id = built.manifest.snapshot_id
    shutil.copytree(built.folder, root / SNAPSHOTS / snapshot_id, copy_function=os.link)
    (root / CURRENT).write_text(snapshot_id + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Batch:
    """A catalogue of pictures that the gallery does not have."""

    file: Path
    number: int
    category: str
    pictures: Sequence[Path]

    @property
    def products(self) -> list[str]:
        """The product on each picture."""
        return [f"new-{self.number}-{place // _PICTURES_PER_PRODUCT:03}" for place in range(len(self.pictures))]

    def write(self) -> None:
        with self.file.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines)
            writer.writerow(["image_id", "product_id", "category", "image_path", LOT, BRAND])
            for place, (picture, product) in enumerate(zip(self.pictures, self.products, strict=True)):
                writer.writerow([f"{product}-{place:04}", product, self.category, picture.name, 0, "brand of today"])


@dataclass(slots=True)
class _Watch:
    """Notes when the last stage of a build began: before it, the last vector came."""

    began: float = field(default=0.0)

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        del stage, total, done
        self.began = time.monotonic()

    def advance(self, steps: int) -> None:
        del steps


async def _added(batch: _Batch, place: _Place, client: AisleClient) -> tuple[float, str]:
    """Add a batch; return the seconds from its last vector to the first answer with it, and the new snapshot's id."""
    batch.write()
    watch = _Watch()
    settings = IndexerSettings(
        catalogue=batch.file,
        image_root=batch.pictures[0].parent,
        snapshot_root=str(place.root),
        triton=place.triton,
        work_root=place.root,
    )
    report = await asyncio.to_thread(add_to_snapshot, settings, watch)
    picture, new = batch.pictures[0].read_bytes(), {*batch.products}
    while time.monotonic() - watch.began < _PATIENCE_SECONDS:
        found = await client.search(picture, categories=[batch.category], timeout_seconds=SEARCH_TIMEOUT_SECONDS)
        if new & {hit.product_id for hit in found.hits}:
            return time.monotonic() - watch.began, report.manifest.snapshot_id
        await asyncio.sleep(_POLL_SECONDS)
    raise Internal(f"what was added with snapshot {report.manifest.snapshot_id} is not found")


async def _served(client: AisleClient, snapshot_id: str) -> None:
    while (await client.catalog()).snapshot_id != snapshot_id:  # noqa: ASYNC110 - the gateway has no event to wait for
        await asyncio.sleep(_POLL_SECONDS)
