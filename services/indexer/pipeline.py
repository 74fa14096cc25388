"""The whole build: catalogue, pictures, vectors, shards, snapshot."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from services.common.errors import ModelUnavailable
from services.indexer.building import IndexRules
from services.indexer.calibration import UNCALIBRATED, Calibration, calibrate, photos_for
from services.indexer.catalogue import Catalogue, read_catalogue
from services.indexer.config import IndexerSettings
from services.indexer.embedded_catalogue import embedded_catalogue
from services.indexer.heldout import MOST_PHOTOS, HeldOut, read_held_out
from services.indexer.journal import Journal
from services.indexer.partitioning import ShardPlan, keep, partition
from services.indexer.pictures import survey
from services.indexer.progress import Progress
from services.indexer.shards import write_shard
from services.indexer.triton import Models, Triton
from services.models.client import CLASSIFIER, EMBEDDER, TritonModels
from services.models.metadata import ModelInfo
from services.snapshot.manifest import EmbedderEntry, Manifest, ShardEntry
from services.snapshot.publishing import publish, stamped
from services.snapshot.root import SnapshotRoot
from services.snapshot.writer_lock import writer_lock


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What a build did.

    Attributes:
        manifest: of the snapshot that is now the current one.
        embedded: pictures embedded in this run; the others were finished by an earlier one.
        skipped: pictures left out because they can't be read.
        skip_list: CSV file that names them.
        remarks: what people should know about held-out photos, a sentence each.
    """

    manifest: Manifest
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

    It runs event loops of its own, so an event loop can call it in a thread only.

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
        Unavailable, ResourceExhausted, DeadlineExceeded: Triton was away, full or late for too long.
        OSError: the snapshot root can't be written.
    """
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
        manifest = stamped(manifest, now())
        with writer_lock(SnapshotRoot.at(settings.snapshot_root), settings.work_root, patient=True):
            publish(settings.snapshot_root, draft, manifest)
        shutil.rmtree(draft, ignore_errors=True)  # still there when the root is remote
    return BuildReport(manifest, pictures.embedded, len(skips), skips.path, calibration.remarks)


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
        shards=tuple(shard.model_copy(update={"similarity_map": calibration.map_of(shard.slug)}) for shard in shards),
    )
