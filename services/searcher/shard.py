"""A shard in memory: its segments' FAISS indexes and the items behind them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.neighbours.grouping import Grouped
from services.neighbours.products import Part, nearest_products
from services.neighbours.vector_index import Effort
from services.searcher.items import Items
from services.snapshot.manifest import ShardEntry


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

    def __init__(self, entry: ShardEntry, parts: Sequence[Part], items: Items) -> None:
        """Put a shard together from parts that fit each other.

        Args:
            entry: what the manifest says about it.
            parts: the segments' indexes, whose rows follow each other as those of `items` do, and which of them may be
                found: all but those withdrawn.
            items: the item table.
        """
        self.entry = entry
        self._parts = parts
        self._items = items

    def search(
        self, query_vectors: NDArray[np.float32], top_k: int, effort: Effort = Effort.TUNED
    ) -> list[ProductHits]:
        """Find the nearest products of each query vector.

        Args:
            query_vectors: float32 `(rows, dimension)`, finite.
            top_k: distinct products wanted per query vector, at least 1.
            effort: how closely to look.

        Returns:
            One entry per query vector, with exactly `top_k` products, or all that the indexes find when there are
            fewer. Ties break by lower row.
        """
        found = nearest_products(self._parts, self._items.product_of_row, query_vectors, top_k, effort)
        return [self._hits(grouped) for grouped in found]

    def _hits(self, grouped: Grouped) -> ProductHits:
        items, rows = self._items, grouped.rows
        products = items.product_of_row[rows]
        return ProductHits(
            product_ids=items.product_ids[products].tolist(),
            image_ids=items.strings("image_id", rows),
            image_paths=items.strings("image_path", rows),
            categories=items.categories[products].tolist(),
            similarities=grouped.similarities.tolist(),
            exhausted=products.size == self.entry.products,
        )
