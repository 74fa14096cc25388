"""The shards of the snapshot that is to be changed: whose rows can still be found, and what stands behind them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.neighbours.vector_index import VectorIndex
from services.snapshot.manifest import Manifest, Segment, ShardEntry
from services.snapshot.sharing import segment_taken_over
from services.snapshot.store import SnapshotStore
from services.snapshot.tables import read_table
from services.snapshot.withdrawn import read_withdrawn


@dataclass(frozen=True, slots=True, eq=False)
class ExistingSegment:
    """A segment of the snapshot.

    Attributes:
        entry: as the snapshot has it.
        taken_over: as a change of that snapshot has it when the segment stays as it is.
        items: its item table, mapped.
        live: which rows can be found, bool `(images,)`.
    """

    entry: Segment
    taken_over: Segment
    items: pa.Table
    live: NDArray[np.bool_]

    def live_values(self, column: str) -> pa.ChunkedArray:
        """Return a column of the rows that can be found."""
        return self.items[column].filter(pa.array(self.live))


@dataclass(frozen=True, slots=True, eq=False)
class ExistingShard:
    """A shard of the snapshot: its entry and its segments, oldest first."""

    entry: ShardEntry
    segments: Sequence[ExistingSegment]

    def with_segments(self, segments: Iterable[Segment], live_products: Iterable[pa.ChunkedArray]) -> ShardEntry:
        """Return the shard's entry with other segments.

        Args:
            segments: at least one.
            live_products: the product ids of the rows in them that can be found.
        """
        kept = tuple(segments)
        return ShardEntry(
            slug=self.entry.slug,
            category=self.entry.category,
            baseline=self.entry.baseline,
            images=sum(segment.images - segment.withdrawn_images for segment in kept),
            products=distinct(live_products),
            similarity_map=self.entry.similarity_map,
            segments=kept,
        )


def open_shards(store: SnapshotStore, manifest: Manifest, entries: Iterable[ShardEntry]) -> list[ExistingShard]:
    """Open the item tables of shards; their digests are checked, the indexes are not touched.

    Args:
        store: where the snapshot is read from.
        manifest: the snapshot's.
        entries: some of its shards.

    Raises:
        SnapshotInvalid: a file is missing or damaged; names it.
        Unavailable: the snapshot's storage can't be read.
    """
    return [
        ExistingShard(entry, [_opened(store, manifest, segment) for segment in entry.segments]) for entry in entries
    ]


def live_vectors(store: SnapshotStore, manifest: Manifest, segment: ExistingSegment) -> NDArray[np.float32]:
    """Return the vectors of the rows that can be found, as exactly as the index has them, float32 `(n, dimension)`.

    Raises:
        SnapshotInvalid: the index is missing or damaged; names it.
        Unavailable: the snapshot's storage can't be read.
    """
    entry = segment.entry.index
    index = faiss.read_index(str(store.fetch(manifest, entry.file)), faiss.IO_FLAG_MMAP_IFC)
    return VectorIndex(index, entry.parameters, entry.first_fetch).vectors(np.flatnonzero(segment.live))


def distinct(columns: Iterable[pa.ChunkedArray]) -> int:
    """Return how many distinct values some columns of one type have."""
    chunks = [chunk for column in columns for chunk in column.chunks]
    return len(pa.chunked_array(chunks).unique())


def _opened(store: SnapshotStore, manifest: Manifest, segment: Segment) -> ExistingSegment:
    items = read_table(store.fetch(manifest, segment.items))
    live = np.ones(segment.images, np.bool_)
    if segment.withdrawn is not None:
        live = ~read_withdrawn(store.fetch(manifest, segment.withdrawn), segment)
    return ExistingSegment(segment, segment_taken_over(segment, manifest.snapshot_id), items, live)
