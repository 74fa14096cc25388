"""`aisle snapshot add`: the pictures of a catalogue become one more segment of every shard that they belong to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.common.errors import SettingsInvalid
from services.indexer.catalogue import Catalogue, read_catalogue
from services.indexer.changing import Change, ChangeReport, changing, now_utc
from services.indexer.config import IndexerSettings
from services.indexer.conforming import as_items_of, path_prefix
from services.indexer.contradictions import (
    existing_rows,
    refuse_another_space,
    refuse_contradictions,
    refuse_existing,
)
from services.indexer.embedded_catalogue import EmbeddedCatalogue, embedded_catalogue
from services.indexer.existing import ExistingShard, open_shards
from services.indexer.partitioning import ShardPlan, keep, only, partition
from services.indexer.pictures import survey
from services.indexer.pipeline import BuildReport
from services.indexer.progress import Progress
from services.indexer.remarks import index_remarks
from services.indexer.shards import write_segment, write_shard
from services.indexer.triton import Models, Triton
from services.models.client import TritonModels
from services.models.metadata import EMBEDDER
from services.relevance.scoring import SimilarityMap
from services.snapshot.index_rules import DEFAULT_RULES
from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.sharing import shard_taken_over
from services.snapshot.store import SnapshotStore


def add_to_snapshot(
    settings: IndexerSettings,
    progress: Progress,
    *,
    connect: Callable[[str], Models] = TritonModels,
    now: Callable[[], datetime] = now_utc,
) -> BuildReport:
    """Add a catalogue to the current snapshot and publish the result; after a crash, call it again and it goes on.

    Scores, index rules, the dataset's name and the image root stay those of the snapshot. Other writers are kept
    waiting only when all is embedded; the catalogue must also fit what they have changed meanwhile. It runs event loops
    of its own, so an event loop can call it in a thread only.

    Args:
        settings: what to add and where to; whether there is a baseline index is for the snapshot to say.
        progress: shown to whoever waits.
        connect: makes the client of Triton; called inside an event loop.
        now: the time of building.

    Raises:
        CatalogueInvalid: the catalogue can't be right, contradicts the snapshot, or too many pictures can't be read.
        SettingsInvalid: indexes are wished otherwise than the snapshot's were.
        SpaceMismatch: Triton serves another embedder than the snapshot was made with.
        FailedPrecondition: another indexer is at work on the same catalogue, or another machine was faster.
        SnapshotNotFound, SnapshotInvalid: there is no snapshot, or it is damaged.
        Unavailable, ResourceExhausted, DeadlineExceeded: Triton was away, full or late for too long.
        OSError: the snapshot root can't be written.
    """
    catalogue = read_catalogue(settings.catalogue, guess_types=False)
    store = SnapshotStore(settings.snapshot_root)
    fitted = _fitted(catalogue, settings, store, store.manifest())
    found, missing = survey(catalogue, settings.image_root)
    new = ([each for each in found if fitted.new[each.row]], [each for each in missing if fitted.new[each.row]])
    triton = Triton(settings, connect)
    embedder = triton.describe(EMBEDDER)
    refuse_another_space(fitted.parent, embedder)
    with embedded_catalogue(catalogue, new, settings, triton, embedder, progress=progress) as pictures:
        with changing(settings.snapshot_root, settings.work_root, patient=True) as change:
            if change.parent != fitted.parent:
                refuse_another_space(change.parent, embedder)
                fitted = _fitted(catalogue, settings, change.store, change.parent, among=fitted.new)
            report = _added(catalogue, fitted, pictures, change, progress=progress, now=now)
        pictures.forget()
    remarks = index_remarks(report.after) if report.published_at is not None else ()
    skips = pictures.skips
    return BuildReport(report.after, report.published_at, pictures.embedded, len(skips), skips.path, remarks)


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    """A catalogue that fits a snapshot.

    Attributes:
        parent: the snapshot.
        shards: what is in it.
        items: the catalogue's item table as the snapshot would have it.
        new: which rows are to be added, bool `(rows,)`.
    """

    parent: Manifest
    shards: Sequence[ExistingShard]
    items: pa.Table
    new: NDArray[np.bool_]


def _fitted(
    catalogue: Catalogue,
    settings: IndexerSettings,
    store: SnapshotStore,
    parent: Manifest,
    *,
    among: NDArray[np.bool_] | None = None,
) -> _Fitted:
    """Fit a catalogue to a snapshot; with `among`, only those rows are to be added."""
    if settings.index_rules not in {DEFAULT_RULES, parent.index_rules}:
        raise SettingsInvalid(
            f"the indexes of snapshot {parent.snapshot_id} are wished otherwise, and what is added keeps to that; "
            "`aisle snapshot compact` takes other wishes",
            field="index_factory",
        )
    shards = open_shards(store, parent, parent.shards)
    items = _items(catalogue, shards, path_prefix(settings.image_root, parent.image_root))
    existing = existing_rows(catalogue, shards)
    if not settings.ignore_existing:
        refuse_existing(catalogue, parent, existing)
    refuse_contradictions(catalogue, parent, shards)
    return _Fitted(parent, shards, items, ~existing if among is None else among & ~existing)


def _items(catalogue: Catalogue, shards: Sequence[ExistingShard], prefix: str) -> pa.Table:
    """Return the catalogue's item table as the snapshot would have it."""
    items = as_items_of(catalogue, shards[0].segments[0].items.schema)
    place = items.schema.get_field_index("image_path")
    paths = pc.binary_join_element_wise(prefix, items["image_path"], "")
    return items.set_column(place, items.schema.field(place), paths)


def _added(
    catalogue: Catalogue,
    fitted: _Fitted,
    pictures: EmbeddedCatalogue,
    change: Change,
    *,
    progress: Progress,
    now: Callable[[], datetime],
) -> ChangeReport:
    """Publish the snapshot with what is new and can be read, if there is any such picture."""
    plans = only(
        partition(catalogue.strings("category"), baseline=change.parent.baseline_shard is not None), fitted.new
    )
    existing = {shard.entry.slug: shard for shard in fitted.shards}
    plans = keep(plans, pictures.skips.readable(), may_vanish=existing)
    if not plans:
        return change.nothing()
    entries = _grown(existing, plans, fitted.items, pictures, change=change, progress=progress)
    return change.publish(entries, now(), more_skipped_images=len(pictures.skips))


def _grown(
    existing: Mapping[str, ExistingShard],
    plans: Sequence[ShardPlan],
    items: pa.Table,
    pictures: EmbeddedCatalogue,
    *,
    change: Change,
    progress: Progress,
) -> list[ShardEntry]:
    """Write a segment for each planned shard, and return the entries of all shards."""
    rules = change.parent.index_rules
    entries = {slug: shard_taken_over(shard.entry, change.parent.snapshot_id) for slug, shard in existing.items()}
    progress.begin("writing segments", total=sum(len(plan.rows) for plan in plans))
    for plan in plans:
        vectors, rows = pictures.journal.vectors(plan.rows), items.take(plan.rows)
        shard = existing.get(plan.slug)
        if shard is None:
            entry = write_shard(change.draft, plan, vectors, rows, rules)
            entries[plan.slug] = entry.model_copy(update={"similarity_map": usual_map(change.parent)})
        else:
            segment = write_segment(change.draft, plan.slug, vectors, rows, rules)
            products = [*(each.live_values("product_id") for each in shard.segments), rows["product_id"]]
            entries[plan.slug] = shard.with_segments([*entries[plan.slug].segments, segment], products)
        progress.advance(len(plan.rows))
    return list(entries.values())


def usual_map(manifest: Manifest) -> SimilarityMap:
    """Return the map for a category whose photos nobody has tried: the baseline's, or the median of the others'."""
    baseline = manifest.baseline_shard
    if baseline is not None:
        return baseline.similarity_map
    maps = [shard.similarity_map for shard in manifest.category_shards]
    return SimilarityMap(median(each.slope for each in maps), median(each.intercept for each in maps))
