"""From a shop to a published snapshot, as the indexer builds one; shards that an earlier run wrote are kept."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import faiss
import numpy as np
from pydantic import TypeAdapter

from services.benchmarks.scale.drawing import ATTRIBUTES, Drawn, drawn
from services.benchmarks.scale.photos import ServedModels
from services.benchmarks.scale.shop import Photos, Shop
from services.common.errors import AisleError
from services.indexer.answers import PhotoAnswers
from services.indexer.calibration import Calibration, calibrate
from services.indexer.heldout import HeldOut
from services.indexer.index_choice import index_factories
from services.indexer.partitioning import ShardPlan, partition
from services.indexer.shards import write_shard
from services.snapshot.index_rules import DEFAULT_RULES
from services.snapshot.layout import snapshot_path
from services.snapshot.manifest import SCHEMA_VERSION, EmbedderEntry, Manifest, ShardEntry
from services.snapshot.publishing import publish, stamped
from services.snapshot.store import SnapshotStore

Say = Callable[[str], None]
_REVISION = 1
"""Raise it when the same shop would become other files."""


@dataclass(frozen=True, slots=True, eq=False)
class Built:
    """A published gallery.

    Attributes:
        shop: what was built.
        root: of its snapshot, an absolute path.
        manifest: of its snapshot.
        drawn: its pictures.
        seconds: what writing each shard took, by slug.
    """

    shop: Shop
    root: Path
    manifest: Manifest
    drawn: Drawn
    seconds: Mapping[str, float]

    @property
    def shards_seconds(self) -> float:
        """What writing the categories' shards took."""
        return sum(self.seconds[shard.slug] for shard in self.manifest.category_shards)

    @property
    def folder(self) -> Path:
        """The snapshot's files."""
        return self.root / snapshot_path(self.manifest.snapshot_id)


def built(folder: Path, shop: Shop, photos: Photos, models: ServedModels, say: Say) -> Built:
    """Build and publish a gallery, or as much of it as an earlier run has not.

    Args:
        folder: of this gallery; the snapshot's root is `root` in it.
        shop: what to build.
        photos: those that scores are fitted to are among them.
        models: what the snapshot is said to be made with.
        say: hears of every step.

    Raises:
        OSError: the files can't be written.
    """
    root, work = (folder / "root").absolute(), folder / "building" / _key(shop, models)
    work.mkdir(parents=True, exist_ok=True)
    say(f"drawing {shop.gallery.shape.images:,} vectors")
    pictures = drawn(work, shop)
    journal = _Journal(work)
    manifest = _published(root, journal)
    if manifest is None:
        plans = partition(pictures.items["category"].to_pylist(), baseline=True)
        for plan in plans:
            _write(journal, plan, pictures, say)
        say("fitting scores to photos")
        calibration = _calibration(shop, photos, models, plans, pictures)
        for remark in calibration.remarks:
            say(remark)
        shards = tuple(journal.shards[plan.slug].entry for plan in plans)
        manifest = stamped(_manifest(shop, models, shards, calibration), datetime.now(UTC))
        manifest = publish(root, journal.draft, manifest)
        journal.publish(manifest.snapshot_id)
    seconds = {slug: written.seconds for slug, written in journal.shards.items()}
    return Built(shop, root, manifest, pictures, seconds)


@dataclass(frozen=True, slots=True)
class _Written:
    """A shard that is in the draft, and what writing it took."""

    entry: ShardEntry
    seconds: float


@dataclass(slots=True)
class _Record:
    """What a build has finished."""

    shards: dict[str, _Written] = field(default_factory=dict)
    snapshot_id: str = ""


class _Journal:
    """Remembers what is done, so that an interrupted build goes on."""

    def __init__(self, work: Path) -> None:
        self.draft = work / "draft"
        self._file = work / "done.json"
        self._form = TypeAdapter(_Record)
        self._record = self._form.validate_json(self._file.read_bytes()) if self._file.is_file() else _Record()

    @property
    def shards(self) -> Mapping[str, _Written]:
        return self._record.shards

    @property
    def snapshot_id(self) -> str:
        return self._record.snapshot_id

    def add(self, slug: str, written: _Written) -> None:
        self._record.shards[slug] = written
        self._save()

    def publish(self, snapshot_id: str) -> None:
        self._record.snapshot_id = snapshot_id
        self._save()

    def _save(self) -> None:
        unfinished = self._file.with_suffix(".unfinished")
        unfinished.write_bytes(self._form.dump_json(self._record, indent=2))
        unfinished.replace(self._file)


def _published(root: Path, journal: _Journal) -> Manifest | None:
    """Return what an earlier run has published, if it is still there and current."""
    if not journal.snapshot_id:
        return None
    store = SnapshotStore(root)
    try:
        return store.manifest() if store.current_id() == journal.snapshot_id else None
    except AisleError:
        return None


def _write(journal: _Journal, plan: ShardPlan, pictures: Drawn, say: Say) -> None:
    if plan.slug in journal.shards and (journal.draft / plan.slug).is_dir():
        return
    shutil.rmtree(journal.draft / plan.slug, ignore_errors=True)
    vectors, items = np.ascontiguousarray(pictures.vectors[plan.rows]), pictures.items.take(plan.rows)
    began = time.monotonic()
    entry = write_shard(journal.draft, plan, vectors, items)
    written = _Written(entry, time.monotonic() - began)
    journal.add(plan.slug, written)
    recall = entry.segments[0].index.recall_at_10
    say(f"shard {plan.slug}: {entry.images:,} images, {entry.index_factory}, recall {recall}, {written.seconds:.1f} s")


def _calibration(
    shop: Shop, photos: Photos, models: ServedModels, plans: tuple[ShardPlan, ...], pictures: Drawn
) -> Calibration:
    fitting = [shown for shown in shop.shown if photos.for_fitting[shown.photo]]
    places = np.array([shown.photo for shown in fitting], np.intp)
    products = [(shop.product_id(shown.category, shown.product),) for shown in fitting]
    return calibrate(
        HeldOut(Path(), (), products, ()),
        PhotoAnswers(np.arange(len(places)), photos.vectors[places], photos.probabilities[places], ()),
        models.classifier,
        plans,
        product_ids=pictures.items["product_id"].to_pylist(),
        vectors_of=lambda rows: np.ascontiguousarray(pictures.vectors[rows]),
    )


def _manifest(shop: Shop, models: ServedModels, shards: tuple[ShardEntry, ...], calibration: Calibration) -> Manifest:
    embedder = models.embedder
    return Manifest(
        snapshot_id="",
        created_at="",
        space_id=embedder.space.space_id,
        dimension=embedder.output_size,
        metric="inner_product",
        embedder=EmbedderEntry(
            name=embedder.name,
            version=embedder.version,
            sha256=embedder.sha256,
            preprocessing=embedder.preprocessing,
        ),
        dataset=f"drawn, {shop.gallery.shape.images:,} pictures",
        image_root="",
        skipped_images=0,
        relevance=calibration.relevance,
        attributes=ATTRIBUTES,
        shards=tuple(shard.model_copy(update={"similarity_map": calibration.map_of(shard.slug)}) for shard in shards),
    )


def _key(shop: Shop, models: ServedModels) -> str:
    """Return a digest of all that decides about the snapshot's files."""
    gallery = shop.gallery
    means = hashlib.sha256(b"".join(gallery.means[number].tobytes() for number in sorted(gallery.means))).hexdigest()
    sizes = [int(gallery.images_of_products(number).sum()) for number in range(gallery.shape.categories)]
    made_from = {
        "revision": [_REVISION, SCHEMA_VERSION, faiss.__version__],
        "gallery": [asdict(gallery.shape), gallery.seed, asdict(gallery.likeness), means],
        "names": shop.names,
        "models": [models.embedder.sha256, models.classifier.sha256],
        "indexes": [asdict(DEFAULT_RULES), [index_factories(size, gallery.dimension) for size in sizes]],
    }
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
