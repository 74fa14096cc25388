"""Aisle's index of a shard, asked for pictures."""

from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from services.benchmarks.scale.comparison.ladder import IMAGES, Filter, Ids, Settings
from services.indexer.building import build_index
from services.neighbours.selection import Selection


class Aisle:
    """The index that the indexer chooses, on one core as in a searcher; how many rows it compares exactly is tuned."""

    name = "Aisle"

    def __init__(self, vectors: NDArray[np.float32], lots: Ids, product_of_row: Ids) -> None:
        """Build the index on all cores.

        Args:
            vectors: float32 `(images, dimension)`, of unit length.
            lots: int64 `(images,)`.
            product_of_row: int64 `(images,)`.
        """
        self._index = build_index(vectors, product_of_row).searchable
        self._lots = lots
        self._fetch = IMAGES
        faiss.omp_set_num_threads(1)

    def efforts(self, wanted: Filter) -> Sequence[Settings]:
        """Fetch more and more rows by their codes."""
        del wanted
        return [{"fetch": IMAGES * 2**power} for power in range(9)]

    def use(self, settings: Settings) -> None:
        """Take the number of rows to fetch."""
        self._fetch = settings["fetch"]

    def search(self, query: NDArray[np.float32], wanted: Filter) -> Ids:
        """Evaluate the filter, as for one that is new, and search what passes."""
        selection = None if wanted.lots_below is None else Selection(self._lots < wanted.lots_below)
        nearest = self._index.nearest(query[np.newaxis], self._fetch, selection=selection)
        best: Ids = nearest.rows[0, np.argsort(-nearest.similarities[0])[:IMAGES]]
        return best
