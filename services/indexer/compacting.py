"""`aisle snapshot compact`: many small segments, or segments with many withdrawn rows, become one."""

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from services.indexer.changing import Change, ChangeReport, changing, now_utc
from services.indexer.compaction import CompactionRules, due_segments
from services.indexer.existing import ExistingShard, live_vectors, open_shards
from services.indexer.progress import Progress
from services.indexer.shards import write_segment
from services.snapshot.index_rules import IndexRules
from services.snapshot.manifest import ShardEntry
from services.snapshot.sharing import shard_taken_over


def compact(
    snapshot_root: str,
    rules: CompactionRules,
    progress: Progress,
    *,
    work_root: Path,
    index_rules: IndexRules | None = None,
    now: Callable[[], datetime] = now_utc,
) -> ChangeReport:
    """Publish a snapshot that finds the same, with the segments folded that are worth it; others are shared untouched.

    Args:
        snapshot_root: folder or fsspec URL.
        rules: which segments are worth it; when none is, nothing happens.
        progress: shown to whoever waits.
        work_root: where unfinished work is kept when the root is remote.
        index_rules: what the snapshot's new indexes are to be like from now on; None: as before.
        now: the time of building.

    Raises:
        FailedPrecondition: another writer is at work, or was faster.
        SnapshotNotFound, SnapshotInvalid, Unavailable: the snapshot can't be read.
        SettingsInvalid: FAISS does not know the factory string.
        OSError: the root can't be written.
    """
    with changing(snapshot_root, work_root) as change:
        parent = change.parent
        due = {shard.slug: places for shard in parent.shards if (places := due_segments(shard, rules))}
        if not due:
            return change.nothing()
        progress.begin("folding shards", total=len(due))
        entries = [shard_taken_over(shard, parent.snapshot_id) for shard in parent.shards if shard.slug not in due]
        for shard in open_shards(change.store, parent, (shard for shard in parent.shards if shard.slug in due)):
            entries.append(_folded(shard, due[shard.entry.slug], change, index_rules or parent.index_rules))
            progress.advance(1)
        return change.publish(entries, now(), index_rules=index_rules)


def _folded(shard: ExistingShard, places: Collection[int], change: Change, rules: IndexRules) -> ShardEntry:
    """Return a shard's entry with some segments as one, the youngest; the others stay as they are."""
    folded = [segment for place, segment in enumerate(shard.segments) if place in places]
    kept = [segment for place, segment in enumerate(shard.segments) if place not in places]
    vectors = np.concatenate([live_vectors(change.store, change.parent, segment) for segment in folded])
    items = pa.concat_tables([segment.items.filter(pa.array(segment.live)) for segment in folded])
    segment = write_segment(change.draft, shard.entry.slug, vectors, items, rules)
    products = [*(each.live_values("product_id") for each in kept), items["product_id"]]
    return shard.with_segments([*(each.taken_over for each in kept), segment], products)
