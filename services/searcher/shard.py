"""A shard in memory: its segments' FAISS indexes and the items behind them."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.filters.predicate import Predicate
from services.neighbours.grouping import Grouped
from services.neighbours.products import Part, nearest_products
from services.neighbours.vector_index import Effort
from services.searcher.filtering import FilterMemory, Passing, passing
from services.searcher.items import Items
from services.snapshot.manifest import ShardEntry

_FILTERS_KEPT: Final = 32
"""Of each shard: at 9 bits per image and filter they take 36 bytes per image at most, where a vector takes 1,024."""


@dataclass(frozen=True, slots=True)
class ProductHits:
    """The answer to one query vector: one hit per product, best first.

    Attributes:
        product_ids: distinct.
        image_ids: the most similar image of each product.
        image_paths: relative to the catalogue's image root.
        categories: the category of each product.
        similarities: inner products, not increasing.
        exhausted: whether the shard has no more products that pass the filter than these.
    """

    product_ids: list[str]
    image_ids: list[str]
    image_paths: list[str]
    categories: list[str]
    similarities: list[float]
    exhausted: bool


class Shard:
    """One shard that can be searched from many threads at once: nothing in it changes but the filters it remembers."""

    def __init__(self, entry: ShardEntry, parts: Sequence[Part], items: Items) -> None:
        """Put a shard together from parts that fit each other.

        Args:
            entry: what the manifest says about it.
            parts: the segments' indexes, whose rows follow each other as those of `items` do, and which of them may be
                found: all but those withdrawn.
            items: the item table.
        """
        self.entry = entry
        self.attributes = items.attributes
        """The catalogue's free attributes and their types, by name."""
        self._items = items
        self._everything = Passing(parts, entry.products)
        self._filters = FilterMemory(partial(passing, parts, items), _FILTERS_KEPT)

    def described_by(self, entry: ShardEntry) -> "Shard":
        """Return this shard as part of another snapshot that shares all of it, with what it remembers."""
        twin = copy(self)
        twin.entry = entry
        return twin

    def remembers(self, predicate: Predicate) -> bool:
        """Whether it has answered with this filter lately: to do so for the first time takes longer."""
        return predicate in self._filters

    def search(
        self,
        query_vectors: NDArray[np.float32],
        top_k: int,
        effort: Effort = Effort.TUNED,
        predicate: Predicate | None = None,
    ) -> list[ProductHits]:
        """Find the nearest products of each query vector.

        Args:
            query_vectors: float32 `(rows, dimension)`, finite.
            top_k: distinct products wanted per query vector, at least 1.
            effort: how closely to look.
            predicate: a filter that was checked against `attributes`; None for everything.

        Returns:
            One entry per query vector, with exactly `top_k` products, or all that the indexes find when there are
            fewer. Ties break by lower row.
        """
        among = self._everything if predicate is None else self._filters.passing(predicate)
        wanted = max(1, min(top_k, among.products))  # whoever looks for more than there are looks at every image
        found = nearest_products(among.parts, self._items.product_of_row, query_vectors, wanted, effort)
        return [self._hits(grouped, among.products) for grouped in found]

    def _hits(self, grouped: Grouped, most: int) -> ProductHits:
        items, rows = self._items, grouped.rows
        products = items.product_of_row[rows]
        return ProductHits(
            product_ids=items.product_ids[products].tolist(),
            image_ids=items.strings("image_id", rows),
            image_paths=items.strings("image_path", rows),
            categories=items.categories[products].tolist(),
            similarities=grouped.similarities.tolist(),
            exhausted=products.size == most,
        )
