"""Exact search in any FAISS index: every vector is compared, whatever shortcuts the index would take."""

from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

# 16 MB of vectors of 256 numbers at a time: they are copies, made for one search.
_BLOCK_ROWS: Final = 16_384

Neighbours = tuple[NDArray[np.float32], NDArray[np.int64]]


def nearest_of_all(index: Any, xq: NDArray[np.float32], k: int) -> Neighbours:
    """Return the `k` nearest of all vectors in an index by inner product.

    A list of codes (Flat, scalar and product quantisers) compares with all of them anyway, and a graph keeps such a
    list as its storage: both are searched where they lie. Other indexes give their vectors back block by block.

    Args:
        index: by inner product; of a quantised one the vectors are what its codes stand for.
        xq: float32 `(rows, dimension)`.
        k: from 1 to the number of vectors.

    Returns:
        As FAISS: similarities float32 `(rows, k)`, not increasing, and vector numbers int64 `(rows, k)`.
    """
    storage = faiss.downcast_index(index.storage) if isinstance(index, faiss.IndexHNSW) else index
    if isinstance(storage, faiss.IndexFlatCodes):
        found: Neighbours = storage.search(xq, k)
        return found
    best = np.empty((len(xq), 0), np.float32), np.empty((len(xq), 0), np.int64)
    for start in range(0, index.ntotal, _BLOCK_ROWS):
        vectors = index.reconstruct_n(start, min(_BLOCK_ROWS, index.ntotal - start))
        D, I = faiss.knn(xq, vectors, min(k, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)  # noqa: N806, E741
        best = _best(np.hstack([best[0], D]), np.hstack([best[1], I + start]), k)
    return best


def _best(D: NDArray[np.float32], I: NDArray[np.int64], k: int) -> Neighbours:  # noqa: N803, E741 - FAISS's names
    """Return the `k` best neighbours of each query; ties break by lower number."""
    order = np.lexsort((I, -D))[:, :k]
    return np.take_along_axis(D, order, axis=1), np.take_along_axis(I, order, axis=1)
