"""Exact search in any FAISS index: every vector is compared, whatever shortcuts the index would take."""

from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from services.neighbours.selection import Selection

# 16 MB of vectors of 256 numbers at a time: they are copies, made for one search.
_BLOCK_ROWS: Final = 16_384

Neighbours = tuple[NDArray[np.float32], NDArray[np.int64]]


def storage_of(index: Any) -> Any:
    """Return the list of codes in which an index keeps its vectors, as exactly as it has them; None if it has no list.

    Lists (Flat, scalar and product quantisers) are their own; a graph and a refined index keep one beside them.
    """
    if isinstance(index, faiss.IndexRefine):
        index = faiss.downcast_index(index.refine_index)
    elif isinstance(index, faiss.IndexHNSW):
        index = faiss.downcast_index(index.storage)
    return index if isinstance(index, faiss.IndexFlatCodes) else None


def nearest_of_all(index: Any, xq: NDArray[np.float32], k: int, selection: Selection | None = None) -> Neighbours:
    """Return the `k` nearest of all vectors in an index, or of the selected ones, by inner product.

    Indexes without a list of codes give their vectors back block by block.

    Args:
        index: by inner product; of a quantised one the vectors are what its codes stand for.
        xq: float32 `(rows, dimension)`.
        k: from 1 to the number of vectors that may be found.
        selection: which ones; None for all.

    Returns:
        As FAISS: similarities float32 `(rows, k)`, not increasing, and vector numbers int64 `(rows, k)`.
    """
    storage = storage_of(index)
    if storage is not None:
        parameters = None if selection is None else selection.parameters
        found: Neighbours = storage.search(xq, k, params=parameters)
        return found
    best = np.empty((len(xq), 0), np.float32), np.empty((len(xq), 0), np.int64)
    for start in range(0, index.ntotal, _BLOCK_ROWS):
        vectors = index.reconstruct_n(start, min(_BLOCK_ROWS, index.ntotal - start))
        rows = np.arange(start, start + len(vectors))
        if selection is not None:
            wanted = selection.mask[rows]
            vectors, rows = vectors[wanted], rows[wanted]
        if len(rows):
            D, I = faiss.knn(xq, vectors, min(k, len(rows)), metric=faiss.METRIC_INNER_PRODUCT)  # noqa: N806, E741
            best = _best(np.hstack([best[0], D]), np.hstack([best[1], rows[I]]), k)
    return best


def similarities_of(storage: Any, xq: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how similar each query is to rows of its own, by inner product; -inf for row -1.

    Args:
        storage: a list of codes, as `storage_of` returns it.
        xq: float32 `(queries, dimension)`.
        rows: int64 `(queries, n)`.

    Returns:
        float32 `(queries, n)`.
    """
    if not rows.size:
        return np.empty(rows.shape, np.float32)
    if isinstance(storage, faiss.IndexFlat):  # where they lie: copies of a thousand vectors take twice as long
        xq, rows, similarities = np.ascontiguousarray(xq), np.ascontiguousarray(rows), np.empty(rows.shape, np.float32)
        storage.compute_distance_subset(  # type: ignore[attr-defined]
            len(rows), faiss.swig_ptr(xq), rows.shape[1], faiss.swig_ptr(similarities), faiss.swig_ptr(rows)
        )
        return similarities
    vectors = storage.reconstruct_batch(np.maximum(rows, 0).ravel()).reshape(*rows.shape, -1)
    return np.where(rows < 0, np.float32(-np.inf), np.einsum("qd,qnd->qn", xq, vectors))


def _best(D: NDArray[np.float32], I: NDArray[np.int64], k: int) -> Neighbours:  # noqa: N803, E741 - FAISS's names
    """Return the `k` best neighbours of each query; ties break by lower number."""
    order = np.lexsort((I, -D))[:, :k]
    return np.take_along_axis(D, order, axis=1), np.take_along_axis(I, order, axis=1)
