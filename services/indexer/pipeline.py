"""The whole build: catalogue, pictures, vectors, shards, snapshot."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from services.common.errors import ModelUnavailable
from services.indexer.calibration import UNCALIBRATED, Calibration, calibrate, photos_for
from services.indexer.catalogue import Catalogue, read_catalogue
from services.indexer.config import IndexerSettings
from services.indexer.embedded_catalogue import embedded_catalogue
from services.indexer.heldout import MOST_PHOTOS, HeldOut, read_held_out
from services.indexer.journal import Journal
from services.indexer.partitioning import ShardPlan, keep, partition
from services.indexer.pictures import survey
from services.indexer.progress import Progress
from services.indexer.remarks import index_remarks
from services.indexer.shards import write_shard
from services.indexer.triton import Models, Triton
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER, ModelInfo
from services.snapshot.current import found_current, read_current
from services.snapshot.index_rules import IndexRules
from services.snapshot.manifest import EmbedderEntry, Manifest, ShardEntry
from services.snapshot.publishing import publish, stamped
from services.snapshot.root import SnapshotRoot
from services.snapshot.writer_lock import writer_lock


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        manifest: of the snapshot that is now the current one.
        published_at: when it had become that, in seconds since 1970; None when there was nothing to add.
        embedded: pictures embedded in this run; the others were finished by an earlier one.
        skipped: pictures left out because they can't be read.
        skip_list: CSV file that names them.
        remarks: what people should know about held-out photos and indexes, a sentence each.
    """

    manifest: Manifest
    published_at: float | None
    embedded: int
    skipped: int
    skip_list: Path
    remarks: Sequence[str]


def build_snapshot(
    settings: IndexerSettings,
    progress: Progress,
    *,
    connect: Callable[[str], Models] = TritonModels,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> BuildReport:
    """Build a snapshot from a catalogue and publish it; after a crash, call it again and it goes on.

    It replaces what is current when it begins: what was changed meanwhile would be lost without a word. It runs event
    loops of its own, so an event loop can call it in a thread only.

    Args:
        settings: what to build from and where to.
        progress: shown to whoever waits.
        connect: makes the client of Triton; called inside an event loop.
        now: the time of building.

    Raises:
        CatalogueInvalid: the catalogue can't be right, or too many of its pictures can't be read; or the table of
            held-out photos is faulty, or none of them is there.
        SpaceMismatch: a model takes pixels that were prepared in another way.
        FailedPrecondition: another indexer is at work on the same catalogue.
        Overtaken: another snapshot has become current since the beginning.
        SnapshotInvalid: CURRENT is damaged. Both are overruled by `settings.replace`.
        Unavailable, ResourceExhausted, DeadlineExceeded: Triton was away, full or late for too long.
        OSError: the snapshot root can't be written.
    """
    root = SnapshotRoot.at(settings.snapshot_root)
    begun_with = None if settings.replace else read_current(root)
    catalogue = read_catalogue(settings.catalogue)
    plans = partition(catalogue.strings("category"), baseline=settings.baseline)
    surveyed = survey(catalogue, settings.image_root)
    held_out = _held_out(settings, catalogue, plans)
    triton = Triton(settings, connect)
    embedder = triton.describe(EMBEDDER)
    with embedded_catalogue(catalogue, surveyed, settings, triton, embedder, progress=progress) as pictures:
        journal, skips, draft = pictures.journal, pictures.skips, pictures.work / "draft"
        plans = keep(plans, skips.readable())
        calibration = _calibrate(
            held_out, triton, embedder, plans, catalogue=catalogue, journal=journal, progress=progress
        )
        shards = _write_shards(draft, plans, catalogue, journal, rules=settings.index_rules, progress=progress)
        manifest = _manifest(settings, embedder, shards, calibration, catalogue=catalogue, skipped_images=len(skips))
        with writer_lock(root, settings.work_root, patient=True):
            replaced = found_current(root) if settings.replace else begun_with
            manifest = stamped(manifest, now(), after=replaced or "")
            manifest = publish(settings.snapshot_root, draft, manifest, instead_of=replaced)
            published_at = time.time()
        shutil.rmtree(draft, ignore_errors=True)  # still there when the root is remote
    remarks = (*calibration.remarks, *index_remarks(manifest))
    return BuildReport(manifest, published_at, pictures.embedded, len(skips), skips.path, remarks)


def _held_out(settings: IndexerSettings, catalogue: Catalogue, plans: Sequence[ShardPlan]) -> HeldOut | None:
    if settings.photos is None:
        return None
    most = min(MOST_PHOTOS, photos_for(sum(not plan.baseline for plan in plans)))
    return read_held_out(settings.photos, settings.photos_root or settings.image_root, catalogue, most)


def _calibrate(
    held_out: HeldOut | None,
    triton: Triton,
    embedder: ModelInfo,
    plans: Sequence[ShardPlan],
    *,
    catalogue: Catalogue,
    journal: Journal,
    progress: Progress,
) -> Calibration:
    if held_out is None:
        return UNCALIBRATED
    try:
        classifier = triton.describe(CLASSIFIER)
    except ModelUnavailable:  # the embedder has just answered: Triton is there, but this model is not
        return replace(UNCALIBRATED, remarks=("scores are not fitted: Triton serves no classifier",))
    progress.begin("trying held-out photos", total=len(held_out.pictures))
    answers = triton.embed_and_classify(held_out.pictures, embedder, classifier, progress.advance)
    product_ids = catalogue.strings("product_id")
    return calibrate(held_out, answers, classifier, plans, product_ids=product_ids, vectors_of=journal.vectors)


def _write_shards(
    draft: Path,
    plans: Sequence[ShardPlan],
    catalogue: Catalogue,
    journal: Journal,
    *,
    rules: IndexRules,
    progress: Progress,
) -> tuple[ShardEntry, ...]:
    shutil.rmtree(draft, ignore_errors=True)  # a crashed run's
    progress.begin("writing shards", total=sum(len(plan.rows) for plan in plans))
    shards = []
    for plan in plans:
        shards.append(write_shard(draft, plan, journal.vectors(plan.rows), catalogue.table.take(plan.rows), rules))
        progress.advance(len(plan.rows))
    return tuple(shards)


def _manifest(
    settings: IndexerSettings,
    model: ModelInfo,
    shards: Sequence[ShardEntry],
    calibration: Calibration,
    *,
    catalogue: Catalogue,
    skipped_images: int,
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
        relevance=calibration.relevance,
        attributes=catalogue.attributes,
        index_rules=settings.index_rules,
        shards=tuple(shard.model_copy(update={"similarity_map": calibration.map_of(shard.slug)}) for shard in shards),
    )
