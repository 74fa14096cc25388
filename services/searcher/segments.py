"""From a segment's files to its index and items in memory; what does not fit is refused by its file's name."""

import errno
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import faiss
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from services.common.errors import SnapshotInvalid, SpaceMismatch, Unavailable
from services.neighbours.vector_index import VectorIndex
from services.searcher.blaming import blaming
from services.snapshot.manifest import Segment
from services.snapshot.tables import KEY_COLUMNS, is_attribute, read_table

# Rounding differs between instruction sets by a few 1e-7; a wrong vector differs by 1e-2 and more.
_SIMILARITY_TOLERANCE: Final = 1e-4
_LENGTH_TOLERANCE: Final = 1e-2
"""Of a vector of unit length whose numbers have 16 bits at least."""
_LONGEST_DECODED: Final = 1.5
"""What codes stand for is seldom longer than the vector was; with few bits it may be much shorter."""
_FIRST_VECTORS: Final = 8
_SHORTAGES: Final = tuple(map(os.strerror, (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EACCES, errno.EIO)))
"""What is wrong with this machine, and not with a file, as FAISS ends its messages with it."""


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
    """Open a segment's verified files and check that they belong together; this touches every vector.

    Args:
        segment: what the manifest says about it.
        dimension: the snapshot's.
        index_path: its FAISS index.
        items_path: its item table.
        golden_path: its golden queries.

    Raises:
        SnapshotInvalid: a file does not fit the manifest or the other files; names it.
        SpaceMismatch: the index is of another dimension or metric than the snapshot; names it.
        Unavailable: this machine is short of memory or of open files.
    """
    with blaming(segment.index.file.path):
        index = _load_index(index_path, segment, dimension)
    with blaming(segment.items.path):
        items = _load_items(items_path, segment)
    with blaming(segment.golden.path):
        golden = _load_golden(golden_path, segment, dimension)
    with blaming(segment.index.file.path):
        _check_golden(golden, segment, index, items)
        queries = golden.queries if len(golden.queries) else index.vectors(np.arange(index.rows)[:_FIRST_VECTORS])
    return LoadedSegment(index, items, queries)


def _load_index(path: Path, segment: Segment, dimension: int) -> VectorIndex:
    name = segment.index.file.path
    index = _opened(path, name)
    if index.d != dimension:
        raise SpaceMismatch(f"{name}: vectors of dimension {index.d}, but the snapshot's is {dimension}")
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise SpaceMismatch(f"{name}: compares vectors by another metric than inner_product")
    if index.ntotal != segment.images:
        raise SnapshotInvalid(f"{name}: {index.ntotal} vectors, but the manifest says {segment.images} images")
    try:
        loaded = VectorIndex(index, segment.index.parameters, segment.index.first_fetch)
    except (AssertionError, OverflowError):  # FAISS's, almost without words
        raise SnapshotInvalid(
            f"{name}: an index of this kind can't be searched with {segment.index.parameters}"
        ) from None
    _check_lengths(loaded, name)
    return loaded


def _opened(path: Path, name: str) -> Any:
    try:
        # Mapped where the index type can: it opens in under a millisecond and replicas share the pages.
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:  # its text is about FAISS's source files
        if str(error).endswith(_SHORTAGES):
            raise Unavailable(f"{name}: {str(error).rpartition(': ')[2]}") from None
        raise SnapshotInvalid(f"{name}: FAISS can't read it as an index") from None


def _check_lengths(index: VectorIndex, name: str) -> None:
    """Check that vectors are of unit length, so that each similarity is a cosine; one with NaN has no length."""
    lengths = index.lengths()
    sound = np.abs(lengths - 1) <= _LENGTH_TOLERANCE if index.keeps_vectors else lengths <= _LONGEST_DECODED
    if not sound.all():
        row = int(np.argmin(sound))
        raise SnapshotInvalid(f"{name}: vector {row} is of length {lengths[row]:.4g}, not 1")


def _load_items(path: Path, segment: Segment) -> pa.Table:
    name = segment.items.path
    table = read_table(path)
    _check_columns(table, name, KEY_COLUMNS)
    for field in table.schema:
        fits = pa.types.is_string(field.type) if field.name in KEY_COLUMNS else is_attribute(field.type)
        if not fits:
            raise SnapshotInvalid(f"{name}: column {field.name!r} holds {field.type}")
    if table.num_rows != segment.images:
        raise SnapshotInvalid(f"{name}: {table.num_rows} rows, but the index has {segment.images} vectors")
    table.validate(full=True)  # a string that is not UTF-8 would end the answer that it belongs to
    return table


@dataclass(frozen=True, slots=True, eq=False)
class _Golden:
    """Golden queries.

    Attributes:
        queries: float32 `(n, dimension)`.
        image_ids: what each should find.
        similarities: float32 `(n,)`, how similar that is.
    """

    queries: NDArray[np.float32]
    image_ids: list[str]
    similarities: NDArray[np.float32]


def _load_golden(path: Path, segment: Segment, dimension: int) -> _Golden:
    name = segment.golden.path
    table = read_table(path)
    _check_columns(table, name, ("query_vector", "image_id", "similarity"))
    numbers = table["query_vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    if numbers.size != table.num_rows * dimension:
        raise SnapshotInvalid(f"{name}: its query vectors are not of dimension {dimension}")
    return _Golden(
        queries=numbers.astype(np.float32).reshape(table.num_rows, dimension),
        image_ids=table["image_id"].to_pylist(),
        similarities=table["similarity"].to_numpy().astype(np.float32),
    )


def _check_golden(golden: _Golden, segment: Segment, index: VectorIndex, items: pa.Table) -> None:
    """Check that each golden query finds the known image at the known similarity.

    Checksums tell that the files are what the indexer wrote; this tells that they also work together here.
    """
    found = zip(*index.nearest(golden.queries, index.first_fetch).firsts(), strict=True)
    known = zip(golden.image_ids, golden.similarities, strict=True)
    for query, ((known_id, known_similarity), (similarity, row)) in enumerate(zip(known, found, strict=True)):
        image_id = items["image_id"][int(row)].as_py()
        # NaN, too, must not pass.
        if image_id != known_id or not abs(similarity - known_similarity) <= _SIMILARITY_TOLERANCE:
            raise SnapshotInvalid(
                f"{segment.index.file.path}: golden query {query} of {segment.golden.path} should find image "
                f"{known_id!r} at similarity {known_similarity:.4f}, but found {image_id!r} at {similarity:.4f}"
            )


def _check_columns(table: pa.Table, name: str, columns: tuple[str, ...]) -> None:
    names = table.column_names
    if len(set(names)) < len(names):
        raise SnapshotInvalid(f"{name}: column {max(names, key=names.count)!r} is there twice")
    missing = set(columns) - set(names)
    if missing:
        raise SnapshotInvalid(f"{name}: column {min(missing)!r} is missing")
    if any(table[column].null_count for column in columns):
        raise SnapshotInvalid(f"{name}: a value is missing")
