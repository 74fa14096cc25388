"""Golden queries: known answers by which a searcher proves that it loaded the right index for the right items. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GOLDEN_QUERIES = 8

# Nearer than this, another processor's rounding could swap the first two.
_CLEAR_MARGIN = 1e-4


@dataclass(frozen=True, slots=True)
class GoldenQueries:
    """Queries and their exact answers.

    Attributes:
        query_vectors: float32 `(n, dimension)`, of unit length.
        rows: int64 `(n,)`, the nearest row of each.
        similarities: float32 `(n,)`, the inner product with it.
    """

    query_vectors: NDArray[np.float32]
    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]


def golden_queries(vectors: NDArray[np.float32], wanted: int = GOLDEN_QUERIES) -> GoldenQueries:
    """Return up to `wanted` queries whose nearest vector is beyond doubt, found by an exact scan.

    A query lies between two gallery vectors that are spread over the shard, twice as near to the first: so it is no
    vector of the gallery itself, and its similarity says something. Pictures that are there twice give none.

    Args:
        vectors: float32 `(n, dimension)`, of unit length, n at least 1.
        wanted: most queries to return.
    """
    firsts = np.unique(np.linspace(0, len(vectors) - 1, min(wanted, len(vectors))).astype(np.int64))
    mixed = 2 * vectors[firsts] + vectors[np.roll(firsts, -1)]
    queries = (mixed / np.linalg.norm(mixed, axis=1, keepdims=True)).astype(np.float32)
    similarities = queries @ vectors.T
    rows = np.argmax(similarities, axis=1)
    best = similarities[np.arange(len(firsts)), rows]
    rivals = (similarities > best[:, np.newaxis] - _CLEAR_MARGIN).sum(axis=1)
    clear = rivals == 1
    return GoldenQueries(queries[clear], rows[clear], best[clear])
