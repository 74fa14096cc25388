"""`aisle snapshot compact`: shards of many segments, or with many withdrawn rows, become shards of one segment."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from services.indexer.building import DEFAULT_RULES, IndexRules
from services.indexer.changing import Change, ChangeReport, changing, now_utc
from services.indexer.compaction import CompactionRules, is_due
from services.indexer.existing import ExistingShard, live_vectors, open_shards
from services.indexer.progress import Progress
from services.indexer.shards import write_segment
from services.snapshot.manifest import ShardEntry
from services.snapshot.sharing import shard_taken_over


def compact(
    snapshot_root: str,
    rules: CompactionRules,
    progress: Progress,
    *,
    work_root: Path,
    index_rules: IndexRules = DEFAULT_RULES,
    now: Callable[[], datetime] = now_utc,
) -> ChangeReport:
    """Publish a snapshot that finds the same, with the shards folded that are worth it; others are shared untouched.

    Args:
        snapshot_root: folder or fsspec URL.
        rules: which shards are worth it; when none is, nothing happens.
        progress: shown to whoever waits.
        work_root: where unfinished work is kept when the root is remote.
        index_rules: what the new indexes are to be like.
        now: the time of building.

    Raises:
        FailedPrecondition: another writer is at work, or was faster.
        SnapshotNotFound, SnapshotInvalid, Unavailable: the snapshot can't be read.
        OSError: the root can't be written.
    """
    with changing(snapshot_root, work_root) as change:
        due = [shard for shard in change.parent.shards if is_due(shard, rules)]
        if not due:
            return ChangeReport(change.parent, change.parent)
        progress.begin("folding shards", total=sum(shard.images for shard in due))
        entries = [
            shard_taken_over(shard, change.parent.snapshot_id) for shard in change.parent.shards if shard not in due
        ]
        for shard in open_shards(change.store, change.parent, due):
            entries.append(_folded(shard, change, index_rules))
            progress.advance(shard.entry.images)
        return ChangeReport(change.parent, change.publish(entries, now()))


def _folded(shard: ExistingShard, change: Change, rules: IndexRules) -> ShardEntry:
    vectors = np.concatenate([live_vectors(change.store, change.parent, segment) for segment in shard.segments])
    items = pa.concat_tables([segment.items.filter(pa.array(segment.live)) for segment in shard.segments])
    segment = write_segment(change.draft, shard.entry.slug, vectors, items, rules)
    return shard.with_segments([segment], [items["product_id"]])
