"""Exact search in any FAISS index: every vector is compared, whatever shortcuts the index would take."""

from collections.abc import Iterator
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from services.neighbours.anatomy import Anatomy
from services.neighbours.grouping import Compared
from services.neighbours.selection import Selection

# 8 MB of vectors of 256 numbers: they stay in the cache while one query after the other is compared with them.
_BLOCK_ROWS: Final = 8_192

Neighbours = tuple[NDArray[np.float32], NDArray[np.int64]]


def compared(anatomy: Anatomy, xq: NDArray[np.float32], selection: Selection | None = None) -> Iterator[Compared]:
    """Compare each query with every vector of an index, or with the selected ones, block by block.

    Args:
        anatomy: of an index by inner product; of a quantised one the vectors are what its codes stand for.
        xq: float32 `(queries, dimension)`.
        selection: which ones; None for all.

    Yields:
        Similarities float32 `(queries, n)` to some rows, and which rows, int64 `(n,)`, in their order. Equal vectors
        are equally similar, wherever they lie.
    """
    for start in range(0, anatomy.index.ntotal, _BLOCK_ROWS):
        rows = np.arange(start, min(start + _BLOCK_ROWS, anatomy.index.ntotal))
        if selection is not None:
            rows = rows[selection.mask[rows]]
        if len(rows):
            yield _to_each(anatomy, xq, rows), rows


def nearest_of_all(anatomy: Anatomy, xq: NDArray[np.float32], k: int, selection: Selection | None = None) -> Neighbours:
    """Return the `k` nearest of all vectors in an index, or of the selected ones; arguments as `compared`.

    Args:
        anatomy: of the index.
        xq: float32 `(queries, dimension)`.
        k: from 1 to the number of vectors that may be found.
        selection: which ones; None for all.

    Returns:
        As FAISS: similarities float32 `(queries, k)`, not increasing, and vector numbers int64 `(queries, k)`.
    """
    if anatomy.scans_among_some:
        parameters = None if selection is None else selection.parameters
        found: Neighbours = anatomy.storage.search(xq, k, params=parameters)  # type: ignore[union-attr]
        return found
    best = np.empty((len(xq), 0), np.float32), np.empty((len(xq), 0), np.int64)
    for similarities, rows in compared(anatomy, xq, selection):
        every_row = np.broadcast_to(rows, similarities.shape)
        best = _best(np.hstack([best[0], similarities]), np.hstack([best[1], every_row]), k)
    return best


def lengths(anatomy: Anatomy) -> NDArray[np.float32]:
    """Return the length of every vector in an index, float32 `(vectors,)`; NaN for one with a number that is none."""
    dimension, found = anatomy.index.d, np.empty(anatomy.index.ntotal, np.float32)
    if anatomy.storage is not None and anatomy.keeps_vectors:
        _norms(found, anatomy.storage.get_xb(), dimension)
        return found
    for start in range(0, len(found), _BLOCK_ROWS):
        block = found[start : start + _BLOCK_ROWS]
        vectors = anatomy.source.reconstruct_batch(np.arange(start, start + len(block)))
        _norms(block, faiss.swig_ptr(vectors), dimension)
    return found


def similarities_of(storage: Any, xq: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how similar each query is to rows of its own, by inner product; -inf for row -1.

    Args:
        storage: a list of codes.
        xq: float32 `(queries, dimension)`.
        rows: int64 `(queries, n)`.

    Returns:
        float32 `(queries, n)`.
    """
    if not rows.size:
        return np.empty(rows.shape, np.float32)
    if isinstance(storage, faiss.IndexFlat):  # where they lie: copies of a thousand vectors take twice as long
        return _inner_products(xq, storage.get_xb(), rows)
    vectors = storage.reconstruct_batch(np.maximum(rows, 0).ravel()).reshape(*rows.shape, -1)
    return np.where(rows < 0, np.float32(-np.inf), np.einsum("qd,qnd->qn", xq, vectors))


def _to_each(anatomy: Anatomy, xq: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how similar each query is to the same rows, float32 `(queries, len(rows))`."""
    if isinstance(anatomy.storage, faiss.IndexFlat):
        return similarities_of(anatomy.storage, xq, np.broadcast_to(rows, (len(xq), len(rows))))
    vectors = anatomy.source.reconstruct_batch(rows)
    return _inner_products(xq, faiss.swig_ptr(vectors), np.broadcast_to(np.arange(len(rows)), (len(xq), len(rows))))


def _inner_products(xq: NDArray[np.float32], vectors: Any, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how similar each query is to rows of its own, given FAISS's pointer to all vectors.

    Pair by pair: a product of matrices rounds a column according to its place, and equal pictures would not tie.
    """
    xq, rows, similarities = np.ascontiguousarray(xq), np.ascontiguousarray(rows), np.empty(rows.shape, np.float32)
    faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
        faiss.swig_ptr(similarities), faiss.swig_ptr(xq), vectors, faiss.swig_ptr(rows), xq.shape[1], *rows.shape
    )
    return similarities


def _norms(found: NDArray[np.float32], vectors: Any, dimension: int) -> None:
    """Write the lengths of the first vectors behind FAISS's pointer, as many as there is room for."""
    faiss.fvec_norms_L2(faiss.swig_ptr(found), vectors, dimension, len(found))  # type: ignore[attr-defined]


def _best(D: NDArray[np.float32], I: NDArray[np.int64], k: int) -> Neighbours:  # noqa: N803, E741 - FAISS's names
    """Return the `k` best neighbours of each query, ties by lower number.

    Which of those that tie with the last one stay is left open, as FAISS leaves it.
    """
    if D.shape[1] > k:
        places = np.argpartition(-D, k - 1, axis=1)[:, :k]
        D, I = np.take_along_axis(D, places, axis=1), np.take_along_axis(I, places, axis=1)  # noqa: N806, E741
    order = np.lexsort((I, -D))
    return np.take_along_axis(D, order, axis=1), np.take_along_axis(I, order, axis=1)
