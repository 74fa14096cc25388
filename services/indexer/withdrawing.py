"""`aisle snapshot delete`: images and products that are not to be found any more."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.common.errors import FailedPrecondition, InvalidArgument
from services.indexer.changing import Change, ChangeReport, changing, now_utc
from services.indexer.existing import ExistingSegment, ExistingShard, open_shards
from services.snapshot.digests import file_entry
from services.snapshot.manifest import Segment, ShardEntry
from services.snapshot.sharing import shard_taken_over
from services.snapshot.withdrawn import write_withdrawn

_NAMED = 5
"""Unknown ids that an error names; the rest it counts."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What is to be withdrawn.

    Attributes:
        image_ids: single images.
        product_ids: products, with all of their images.
    """

    image_ids: Collection[str] = ()
    product_ids: Collection[str] = ()

    @property
    def by_column(self) -> dict[str, Collection[str]]:
        """The ids by the column of the item table that has them."""
        return {"image_id": self.image_ids, "product_id": self.product_ids}


def withdraw(
    snapshot_root: str,
    withdrawal: Withdrawal,
    *,
    ignore_unknown: bool,
    work_root: Path,
    now: Callable[[], datetime] = now_utc,
) -> ChangeReport:
    """Publish a snapshot without some images; every file of index and items is shared with the one before.

    Args:
        snapshot_root: folder or fsspec URL.
        withdrawal: what goes.
        ignore_unknown: take ids that the snapshot does not have for withdrawn already.
        work_root: where unfinished work is kept when the root is remote.
        now: the time of building.

    Raises:
        InvalidArgument: an id that the snapshot does not have; names it.
        FailedPrecondition: nothing would be left; or another writer is at work, or was faster.
        SnapshotNotFound, SnapshotInvalid, Unavailable: the snapshot can't be read.
        OSError: the root can't be written.
    """
    with changing(snapshot_root, work_root) as change:
        shards = open_shards(change.store, change.parent, change.parent.shards)
        if not ignore_unknown:
            _refuse_unknown(withdrawal, shards, change.parent.snapshot_id)
        gone = [[_matched(segment, withdrawal) for segment in shard.segments] for shard in shards]
        if not any(rows.any() for segments in gone for rows in segments):
            return change.nothing()
        entries = [_without(shard, rows, change) for shard, rows in zip(shards, gone, strict=True)]
        left = [entry for entry in entries if entry is not None]
        if all(entry.baseline for entry in left):
            raise FailedPrecondition(
                f"that is all that snapshot {change.parent.snapshot_id} has: a snapshot can't be empty; index what is "
                "to be found instead"
            )
        return change.publish(left, now())


def _refuse_unknown(withdrawal: Withdrawal, shards: Sequence[ExistingShard], snapshot_id: str) -> None:
    for column, ids in withdrawal.by_column.items():
        unknown = set(ids)
        for segment in (segment for shard in shards for segment in shard.segments):
            values = segment.live_values(column)
            unknown.difference_update(values.filter(_is_in(values, unknown)).to_pylist())
        if unknown:
            first = ", ".join(repr(name) for name in sorted(unknown)[:_NAMED])
            rest = f" and {len(unknown) - _NAMED:,} more" if len(unknown) > _NAMED else ""
            raise InvalidArgument(f"snapshot {snapshot_id} has no {column} {first}{rest}", field=column)


def _matched(segment: ExistingSegment, withdrawal: Withdrawal) -> NDArray[np.bool_]:
    """Return which rows of a segment that can be found now are to go, bool `(images,)`."""
    matched = np.zeros(len(segment.live), np.bool_)
    for column, ids in withdrawal.by_column.items():
        if ids:
            matched |= _is_in(segment.items[column], ids).to_numpy()
    matched &= segment.live
    return matched


def _is_in(values: pa.ChunkedArray, ids: Collection[str]) -> pa.ChunkedArray:
    return pc.is_in(values, value_set=pa.array(list(ids), pa.string()))


def _without(shard: ExistingShard, gone: Sequence[NDArray[np.bool_]], change: Change) -> ShardEntry | None:
    """Return a shard's entry without some rows; None when nothing is left of it."""
    if not any(rows.any() for rows in gone):
        return shard_taken_over(shard.entry, change.parent.snapshot_id)
    kept, products = [], []
    for number, (segment, rows) in enumerate(zip(shard.segments, gone, strict=True)):
        live = segment.live & ~rows
        if live.any():
            path = change.draft / shard.entry.slug / f"withdrawn-{number}.bin"
            kept.append(_with_withdrawn(segment, ~live, path, change.draft) if rows.any() else segment.taken_over)
            products.append(segment.items["product_id"].filter(pa.array(live)))
    return shard.with_segments(kept, products) if kept else None


def _with_withdrawn(segment: ExistingSegment, withdrawn: NDArray[np.bool_], path: Path, draft: Path) -> Segment:
    path.parent.mkdir(exist_ok=True)
    write_withdrawn(path, withdrawn)
    changed = {"withdrawn": file_entry(draft, path), "withdrawn_images": int(withdrawn.sum())}
    return segment.taken_over.model_copy(update=changed)
