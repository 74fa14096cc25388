"""A shard in memory: the FAISS index and the items behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from services.searcher.exhaustive import nearest_of_all
from services.searcher.grouping import Grouped, group_by_product
from services.searcher.items import Items
from services.snapshot.manifest import ShardEntry

# 48 MB of scores and ids in one FAISS call; a big batch that asks for much is searched in blocks of queries.
_MAX_NEIGHBOURS_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class ProductHits:
    """The answer to one query vector: one hit per product, best first.

    Attributes:
        product_ids: distinct.
        image_ids: the most similar image of each product.
        image_paths: relative to the catalogue's image root.
        categories: the category of each product.
        similarities: inner products, not increasing.
        exhausted: whether the shard has no more products than these.
    """

    product_ids: list[str]
    image_ids: list[str]
    image_paths: list[str]
    categories: list[str]
    similarities: list[float]
    exhausted: bool


class Shard:
    """One shard that can be searched from many threads at once: nothing in it changes."""

    def __init__(self, entry: ShardEntry, index: Any, items: Items) -> None:
        """Put a shard together from parts that fit each other.

        Args:
            entry: what the manifest says about it.
            index: a FAISS index by inner product; its vector i is of row i of `items`.
            items: the item table.
        """
        self.entry = entry
        self._index = index
        self._items = items
        self._coarse = _coarse_parameters(index)

    def search(
        self, query_vectors: NDArray[np.float32], top_k: int, *, exact: bool = False, coarse: bool = False
    ) -> list[ProductHits]:
        """Find the nearest products of each query vector.

        Args:
            query_vectors: float32 `(rows, dimension)`, finite.
            top_k: distinct products wanted per query vector, at least 1.
            exact: whether to compare with every vector instead of trusting the index.
            coarse: whether a graph may look half as closely as usual.

        Returns:
            One entry per query vector, with exactly `top_k` products, or all that the index finds when there are
            fewer. Ties break by lower row.
        """
        answers: dict[int, ProductHits] = {}
        nearest = partial(self._nearest, exact=exact, parameters=self._coarse if coarse else None)
        waiting = list(range(len(query_vectors)))
        images, products = self._items.product_of_row.size, self._items.product_ids.size
        # As many images as `top_k` average products have, and one more to see whether the last one is tied.
        fetch = top_k * -(-images // products) + 1
        while waiting:
            fetch = min(fetch, images)
            unsettled = []
            found = nearest(query_vectors[waiting], fetch)
            for query, (similarities, rows) in zip(waiting, found, strict=True):
                grouped = group_by_product(similarities, rows, self._items.product_of_row, top_k)
                if grouped.settled or fetch == images:
                    answers[query] = self._hits(grouped)
                else:
                    unsettled.append(query)
            waiting = unsettled
            fetch *= 2
        return [answers[query] for query in range(len(query_vectors))]

    def _nearest(
        self, xq: NDArray[np.float32], k: int, *, exact: bool, parameters: Any
    ) -> Iterator[tuple[NDArray[np.float32], NDArray[np.int64]]]:
        """Yield the similarities and rows of the `k` nearest images of each query."""
        block = max(1, _MAX_NEIGHBOURS_AT_ONCE // k)
        for start in range(0, len(xq), block):
            part = xq[start : start + block]
            if exact:
                D, I = nearest_of_all(self._index, part, k)  # noqa: N806, E741
            else:
                D, I = self._index.search(part, k, params=parameters)  # noqa: N806, E741
            yield from zip(D, I, strict=True)

    def _hits(self, grouped: Grouped) -> ProductHits:
        items, rows = self._items, grouped.rows
        products = items.product_of_row[rows]
        return ProductHits(
            product_ids=items.product_ids[products].tolist(),
            image_ids=items.image_ids[rows].tolist(),
            image_paths=items.image_paths[rows].tolist(),
            categories=items.categories[products].tolist(),
            similarities=grouped.similarities.tolist(),
            exhausted=products.size == items.product_ids.size,
        )


def _coarse_parameters(index: Any) -> Any:
    """Return FAISS's parameters of a search that looks half as closely; None for an index that is exact."""
    if not hasattr(index, "hnsw"):
        return None
    return faiss.SearchParametersHNSW(efSearch=max(1, index.hnsw.efSearch // 2))  # type: ignore[attr-defined]
