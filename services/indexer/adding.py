"""`aisle snapshot add`: the pictures of a catalogue become one more segment of every shard that they belong to."""

from collections.abc import Callable, Sequence
from datetime import datetime
from statistics import median

import pyarrow as pa
import pyarrow.compute as pc

from services.indexer.catalogue import Catalogue, read_catalogue
from services.indexer.changing import Change, changing, now_utc
from services.indexer.config import IndexerSettings
from services.indexer.conforming import as_items_of, path_prefix
from services.indexer.contradictions import refuse_another_space, refuse_contradictions
from services.indexer.embedded_catalogue import EmbeddedCatalogue, embedded_catalogue
from services.indexer.existing import ExistingShard, open_shards
from services.indexer.partitioning import ShardPlan, keep, partition
from services.indexer.pictures import survey
from services.indexer.pipeline import BuildReport
from services.indexer.progress import Progress
from services.indexer.shards import write_segment, write_shard
from services.indexer.triton import Models, Triton
from services.models.client import EMBEDDER, TritonModels
from services.relevance.scoring import SimilarityMap
from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.sharing import shard_taken_over


def add_to_snapshot(
    settings: IndexerSettings,
    progress: Progress,
    *,
    connect: Callable[[str], Models] = TritonModels,
    now: Callable[[], datetime] = now_utc,
) -> BuildReport:
    """Add a catalogue to the current snapshot and publish the result; after a crash, call it again and it goes on.

    Scores, the dataset's name and the image root stay those of the snapshot. It runs event loops of its own, so an
    event loop can call it in a thread only.

    Args:
        settings: what to add and where to; whether there is a baseline index is for the snapshot to say.
        progress: shown to whoever waits.
        connect: makes the client of Triton; called inside an event loop.
        now: the time of building.

    Raises:
        CatalogueInvalid: the catalogue can't be right, contradicts the snapshot, or too many pictures can't be read.
        SpaceMismatch: Triton serves another embedder than the snapshot was made with.
        FailedPrecondition: another writer is at work, or was faster.
        SnapshotNotFound, SnapshotInvalid: there is no snapshot, or it is damaged.
        Unavailable, ResourceExhausted, DeadlineExceeded: Triton was away, full or late for too long.
        OSError: the snapshot root can't be written.
    """
    catalogue = read_catalogue(settings.catalogue)
    with changing(settings.snapshot_root, settings.work_root) as change:
        parent = change.parent
        shards = open_shards(change.store, parent, parent.shards)
        items = _items(catalogue, shards, path_prefix(settings.image_root, parent.image_root))
        refuse_contradictions(catalogue, parent, shards)
        plans = partition(catalogue.strings("category"), baseline=parent.baseline_shard is not None)
        surveyed = survey(catalogue, settings.image_root)
        triton = Triton(settings, connect)
        embedder = triton.describe(EMBEDDER)
        refuse_another_space(parent, embedder)
        with embedded_catalogue(catalogue, surveyed, settings, triton, embedder, progress=progress) as pictures:
            plans = keep(plans, pictures.skips.readable())
            entries = _grown(shards, plans, items, pictures, change=change, settings=settings, progress=progress)
            manifest = change.publish(entries, now(), more_skipped_images=len(pictures.skips))
            pictures.forget()  # the same catalogue can't be added again
    return BuildReport(manifest, pictures.embedded, len(pictures.skips), pictures.skips.path, remarks=())


def _items(catalogue: Catalogue, shards: Sequence[ExistingShard], prefix: str) -> pa.Table:
    """Return the catalogue's item table as the snapshot would have it."""
    items = as_items_of(catalogue, shards[0].segments[0].items.schema)
    place = items.schema.get_field_index("image_path")
    paths = pc.binary_join_element_wise(prefix, items["image_path"], "")
    return items.set_column(place, items.schema.field(place), paths)


def _grown(
    shards: Sequence[ExistingShard],
    plans: Sequence[ShardPlan],
    items: pa.Table,
    pictures: EmbeddedCatalogue,
    *,
    change: Change,
    settings: IndexerSettings,
    progress: Progress,
) -> list[ShardEntry]:
    """Write a segment for each planned shard, and return the entries of all shards."""
    existing = {shard.entry.slug: shard for shard in shards}
    entries = {shard.entry.slug: shard_taken_over(shard.entry, change.parent.snapshot_id) for shard in shards}
    progress.begin("writing segments", total=sum(len(plan.rows) for plan in plans))
    for plan in plans:
        vectors, rows = pictures.journal.vectors(plan.rows), items.take(plan.rows)
        shard = existing.get(plan.slug)
        if shard is None:
            entry = write_shard(change.draft, plan, vectors, rows, settings.index_rules)
            entries[plan.slug] = entry.model_copy(update={"similarity_map": usual_map(change.parent)})
        else:
            segment = write_segment(change.draft, plan.slug, vectors, rows, settings.index_rules)
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
