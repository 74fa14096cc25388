"""The nearest products of a shard, whose images may lie in several indexes: fetch, group, and fetch more if needed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from services.neighbours.grouping import Compared, Grouped, group_by_product, group_every_row
from services.neighbours.selection import Selection
from services.neighbours.vector_index import Effort, Nearest, VectorIndex

USUAL_TOP_K: Final = 10
"""Products for which an index's first fetch is measured."""

# 48 MB of scores and ids in one FAISS call; a big batch that asks for much is searched in blocks of queries.
_MAX_NEIGHBOURS_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """An index whose row 0 is row `first_row` of the shard, and which of its rows may be found (None: all)."""

    index: VectorIndex
    first_row: int = 0
    selection: Selection | None = None


def nearest_products(
    parts: Sequence[Part],
    product_of_row: NDArray[np.integer],
    query_vectors: NDArray[np.float32],
    top_k: int,
    effort: Effort = Effort.TUNED,
) -> list[Grouped]:
    """Return the best products of each query, with exactly `top_k` of them or all that the indexes find.

    Args:
        parts: the shard's indexes, at least one.
        product_of_row: int `(rows of the shard,)`, the number of each row's product.
        query_vectors: float32 `(queries, dimension)`, finite.
        top_k: distinct products wanted per query, at least 1.
        effort: how closely to look.
    """
    if effort is Effort.EXACT:
        return _nearest_of_all(parts, product_of_row, query_vectors, top_k)
    answers: dict[int, Grouped] = {}
    waiting = list(range(len(query_vectors)))
    share = top_k / USUAL_TOP_K / (2 if effort is Effort.COARSE else 1)
    while waiting:
        fetches = [max(top_k + 1, round(part.index.first_fetch * share)) for part in parts]
        block = max(1, _MAX_NEIGHBOURS_AT_ONCE // sum(fetches))
        unsettled = []
        for start in range(0, len(waiting), block):
            queries = waiting[start : start + block]
            found = [
                part.index.nearest(query_vectors[queries], fetch, effort, part.selection)
                for part, fetch in zip(parts, fetches, strict=True)
            ]
            for place, query in enumerate(queries):
                grouped = _grouped(parts, found, place, product_of_row, top_k)
                if grouped.settled:
                    answers[query] = grouped
                else:
                    unsettled.append(query)
        waiting = unsettled
        share *= 2
    return [answers[query] for query in range(len(query_vectors))]


def _nearest_of_all(
    parts: Sequence[Part], product_of_row: NDArray[np.integer], query_vectors: NDArray[np.float32], top_k: int
) -> list[Grouped]:
    """Look at every image once, however many products are wanted."""
    products = int(product_of_row.max()) + 1
    block = max(1, _MAX_NEIGHBOURS_AT_ONCE // products)
    answers: list[Grouped] = []
    for start in range(0, len(query_vectors), block):
        queries = query_vectors[start : start + block]
        answers += group_every_row(_compared(parts, queries), product_of_row, products, len(queries), top_k)
    return answers


def _compared(parts: Sequence[Part], query_vectors: NDArray[np.float32]) -> Iterator[Compared]:
    """Compare with all that may be found, by the shard's rows."""
    for part in parts:
        for similarities, rows in part.index.compared(query_vectors, part.selection):
            yield similarities, rows + part.first_row


def _grouped(
    parts: Sequence[Part],
    found: Sequence[Nearest],
    place: int,
    product_of_row: NDArray[np.integer],
    top_k: int,
) -> Grouped:
    """Group one query's neighbours from all parts."""
    floor = max(float(nearest.floors[place]) for nearest in found)
    if len(parts) == 1:
        return group_by_product(found[0].similarities[place], found[0].rows[place], product_of_row, top_k, floor)
    rows = [
        np.where(nearest.rows[place] < 0, -1, nearest.rows[place] + part.first_row)
        for part, nearest in zip(parts, found, strict=True)
    ]
    similarities = np.concatenate([nearest.similarities[place] for nearest in found])
    return group_by_product(similarities, np.concatenate(rows), product_of_row, top_k, floor)
