"""The whole build: catalogue, pictures, vectors, shards, snapshot."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.common.errors import SpaceMismatch
from services.indexer.catalogue import Catalogue, read_catalogue
from services.indexer.config import IndexerSettings
from services.indexer.embedding import Embedder, Pace, embed_pictures
from services.indexer.journal import Journal
from services.indexer.partitioning import ShardPlan, keep, partition
from services.indexer.pictures import Picture, Skipped, read_pixels, survey
from services.indexer.progress import Progress
from services.indexer.shards import write_shard
from services.indexer.skips import SkipList
from services.models.client import EMBEDDER, TritonModels
from services.models.metadata import ModelInfo
from services.photo.intake import PREPROCESSING
from services.snapshot.layout import SnapshotRoot
from services.snapshot.manifest import EmbedderEntry, Manifest, ShardEntry
from services.snapshot.publishing import publish, stamped


class Models(Embedder, Protocol):
    """The embedder and what it says about itself."""

    async def describe(self, model: str) -> ModelInfo:
        """Return what a model says about itself."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        manifest: of the snapshot that is now the current one.
        embedded: pictures embedded in this run; the others were finished by an earlier one.
        skipped: pictures left out because they can't be read.
        skip_list: CSV file that names them.
    """

    manifest: Manifest
    embedded: int
    skipped: int
    skip_list: Path


def build_snapshot(
    settings: IndexerSettings,
    progress: Progress,
    *,
    connect: Callable[[str], Models] = TritonModels,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> BuildReport:
    """Build a snapshot from a catalogue and publish it; after a crash, call it again and it goes on.

    It runs event loops of its own, so an event loop can call it in a thread only.

    Args:
        settings: what to build from and where to.
        progress: shown to whoever waits.
        connect: makes the client of Triton; called inside an event loop.
        now: the time of building.

    Raises:
        CatalogueInvalid: the catalogue can't be right, or too many of its pictures can't be read.
        SpaceMismatch: the embedder takes pixels that were prepared in another way.
        FailedPrecondition: another indexer is at work on the same catalogue.
        Unavailable, ResourceExhausted, DeadlineExceeded: Triton was away, full or late for too long.
        OSError: the snapshot root can't be written.
    """
    catalogue = read_catalogue(settings.catalogue)
    plans = partition(catalogue.strings("category"), baseline=settings.baseline)
    pictures, missing = survey(catalogue, settings.image_root)
    model = asyncio.run(_describe(connect, settings.triton))
    work = _work_folder(settings, catalogue, model)
    skips = SkipList(work / "skipped.csv", catalogue, settings.max_unreadable_share)
    # The journal's lock is held to the end: two builds must not share a draft.
    with closing(Journal(work / "vectors.journal", rows=len(catalogue), dimension=model.output_size)) as journal:
        waiting = [picture for picture in pictures if not journal.holds(picture)]
        progress.begin("embedding pictures", total=len(pictures), done=len(pictures) - len(waiting))
        try:
            skips.add(missing)
            asyncio.run(_embed(waiting, settings, model, connect=connect, keeper=_Keeper(journal, skips, progress)))
        finally:
            skips.write()
        plans = keep(plans, skips.readable())
        shards = _write_shards(work / "draft", plans, catalogue, journal, progress)
        manifest = stamped(_manifest(settings, model, shards, skipped_images=len(skips)), now())
        publish(settings.snapshot_root, work / "draft", manifest)
        shutil.rmtree(work / "draft", ignore_errors=True)  # still there when the root is remote
    embedded = len(waiting) + len(missing) - len(skips)
    return BuildReport(manifest, embedded, len(skips), skips.path)


async def _describe(connect: Callable[[str], Models], target: str) -> ModelInfo:
    models = connect(target)
    try:
        model = await models.describe(EMBEDDER)
    finally:
        await models.close()
    if model.preprocessing != PREPROCESSING:
        raise SpaceMismatch(
            f"embedder {model.version} takes pixels prepared by {model.preprocessing!r}, but this release prepares "
            f"them by {PREPROCESSING!r}"
        )
    return model


@dataclass(frozen=True, slots=True)
class _Keeper:
    """Where finished batches go."""

    journal: Journal
    skips: SkipList
    progress: Progress

    def keep(self, pictures: Sequence[Picture], vectors: NDArray[np.float32], skipped: Sequence[Skipped]) -> None:
        if pictures:
            self.journal.append(pictures, vectors)
        self.progress.advance(len(pictures) + len(skipped))
        self.skips.add(skipped)


async def _embed(
    waiting: Sequence[Picture],
    settings: IndexerSettings,
    model: ModelInfo,
    *,
    connect: Callable[[str], Models],
    keeper: _Keeper,
) -> None:
    models = connect(settings.triton)
    try:
        await embed_pictures(
            waiting,
            read_pixels=partial(read_pixels, height=model.input_height, width=model.input_width),
            embedder=models,
            pace=Pace(
                batch_size=min(settings.batch_size, max(1, model.max_batch_size)),
                in_flight=settings.in_flight,
                decode_threads=settings.decode_threads,
                timeout_seconds=settings.timeout_seconds,
                patience_seconds=settings.patience_seconds,
            ),
            on_batch=keeper.keep,
        )
    finally:
        await models.close()


def _write_shards(
    draft: Path, plans: Sequence[ShardPlan], catalogue: Catalogue, journal: Journal, progress: Progress
) -> tuple[ShardEntry, ...]:
    shutil.rmtree(draft, ignore_errors=True)  # a crashed run's
    progress.begin("writing shards", total=sum(len(plan.rows) for plan in plans))
    shards = []
    for plan in plans:
        shards.append(write_shard(draft, plan, journal.vectors(plan.rows), catalogue.table.take(plan.rows)))
        progress.advance(len(plan.rows))
    return tuple(shards)


def _manifest(
    settings: IndexerSettings, model: ModelInfo, shards: tuple[ShardEntry, ...], *, skipped_images: int
) -> Manifest:
    return Manifest(
        snapshot_id="",  # stamped later, from all the rest
        created_at="",
        space_id=model.space.space_id,
        dimension=model.output_size,
        metric="inner_product",
        embedder=EmbedderEntry(
            name=model.name, version=model.version, sha256=model.sha256, preprocessing=model.preprocessing
        ),
        dataset=settings.dataset or settings.catalogue.stem,
        image_root=str(settings.image_root.resolve()),
        skipped_images=skipped_images,
        shards=shards,
    )


def _work_folder(settings: IndexerSettings, catalogue: Catalogue, model: ModelInfo) -> Path:
    """Return the folder of this very build, made if needed: other input has another one."""
    made_from = (catalogue.sha256, str(settings.image_root.resolve()), model.space.space_id)
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
    root = SnapshotRoot.at(settings.snapshot_root).folder
    work = (settings.work_root if root is None else root / "building") / key
    work.mkdir(parents=True, exist_ok=True)
    return work
