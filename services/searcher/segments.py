"""From a segment's files to its index and items in memory; what does not fit is refused by its file's name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from services.common.errors import SnapshotInvalid, SpaceMismatch
from services.neighbours.vector_index import VectorIndex
from services.snapshot.manifest import Segment
from services.snapshot.tables import KEY_COLUMNS, read_items

# Rounding differs between instruction sets by a few 1e-7; a wrong vector differs by 1e-2 and more.
_SIMILARITY_TOLERANCE: Final = 1e-4
_FIRST_VECTORS: Final = 8


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class LoadedSegment:
    """A segment that was found to be sound.

    Attributes:
        index: its vectors.
        items: its item table, mapped; row i belongs to vector i.
        queries: something to ask it, float32 `(n, dimension)`, n at least 1: its golden queries or, where its pictures
            are so alike that there are none, some of its own vectors.
    """

    index: VectorIndex
    items: pa.Table
    queries: NDArray[np.float32]


def load_segment(
    segment: Segment, dimension: int, index_path: Path, items_path: Path, golden_path: Path
) -> LoadedSegment:
    """Open a segment's verified files and check that they belong together.

    Args:
        segment: what the manifest says about it.
        dimension: the snapshot's.
        index_path: its FAISS index.
        items_path: its item table.
        golden_path: its golden queries.

    Raises:
        SnapshotInvalid: a file does not fit the manifest or the other files; names it.
        SpaceMismatch: the index is of another dimension or metric than the snapshot; names it.
    """
    index = _load_index(index_path, segment, dimension)
    items = _load_items(items_path, segment)
    golden = _check_golden_queries(golden_path, segment, dimension, index, items)
    return LoadedSegment(index, items, golden if len(golden) else index.vectors(np.arange(index.rows)[:_FIRST_VECTORS]))


def _load_index(path: Path, segment: Segment, dimension: int) -> VectorIndex:
    name = segment.index.file.path
    try:
        # Mapped where the index type can: it opens in under a millisecond and replicas share the pages.
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError:  # its text is about FAISS's source files
        raise SnapshotInvalid(f"{name}: FAISS can't read it as an index") from None
    if index.d != dimension:
        raise SpaceMismatch(f"{name}: vectors of dimension {index.d}, but the snapshot's is {dimension}")
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise SpaceMismatch(f"{name}: compares vectors by another metric than inner_product")
    if index.ntotal != segment.images:
        raise SnapshotInvalid(f"{name}: {index.ntotal} vectors, but the manifest says {segment.images} images")
    return VectorIndex(index, segment.index.parameters, segment.index.first_fetch)


def _load_items(path: Path, segment: Segment) -> pa.Table:
    name = segment.items.path
    try:
        table = read_items(path)
    except (pa.ArrowException, OSError):
        raise SnapshotInvalid(f"{name}: not an Arrow file") from None
    _check_columns(table, name, KEY_COLUMNS)
    if table.num_rows != segment.images:
        raise SnapshotInvalid(f"{name}: {table.num_rows} rows, but the index has {segment.images} vectors")
    return table


def _check_golden_queries(
    path: Path, segment: Segment, dimension: int, index: VectorIndex, items: pa.Table
) -> NDArray[np.float32]:
    """Check that each golden query finds the known image at the known similarity, and return the query vectors.

    Checksums tell that the files are what the indexer wrote; this tells that they also work together here.
    """
    name = segment.golden.path
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError):
        raise SnapshotInvalid(f"{name}: not a Parquet file") from None
    _check_columns(table, name, ("query_vector", "image_id", "similarity"))
    numbers = table["query_vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    if numbers.size != table.num_rows * dimension:
        raise SnapshotInvalid(f"{name}: its query vectors are not of dimension {dimension}")
    query_vectors: NDArray[np.float32] = numbers.astype(np.float32).reshape(table.num_rows, dimension)
    found = zip(*index.nearest(query_vectors, index.first_fetch).firsts(), strict=True)
    known = zip(table["image_id"].to_pylist(), table["similarity"].to_pylist(), strict=True)
    for query, ((known_id, known_similarity), (similarity, row)) in enumerate(zip(known, found, strict=True)):
        image_id = items["image_id"][int(row)].as_py()
        if image_id != known_id or abs(similarity - known_similarity) > _SIMILARITY_TOLERANCE:
            raise SnapshotInvalid(
                f"{segment.index.file.path}: golden query {query} of {name} should find image {known_id!r} at "
                f"similarity {known_similarity:.4f}, but found {image_id!r} at {similarity:.4f}"
            )
    return query_vectors


def _check_columns(table: pa.Table, name: str, columns: tuple[str, ...]) -> None:
    missing = set(columns) - set(table.column_names)
    if missing:
        raise SnapshotInvalid(f"{name}: column {min(missing)!r} is missing")
    if any(table[column].null_count for column in columns):
        raise SnapshotInvalid(f"{name}: a value is missing")
