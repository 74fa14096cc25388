"""From neighbours, which are images, to the first hit of each product. Pure: no FAISS, no gRPC."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Grouped:
    """The best image of each product, best first.

    Attributes:
        rows: int64 `(n,)`, rows of the item table, one per product.
        similarities: float32 `(n,)`, not increasing.
        settled: whether more neighbours could change nothing; if not, fetch more and group again.
    """

    rows: NDArray[np.int64]
    similarities: NDArray[np.float32]
    settled: bool


def group_by_product(
    similarities: NDArray[np.float32],
    rows: NDArray[np.int64],
    product_of_row: NDArray[np.integer],
    top_k: int,
    floor: float,
) -> Grouped:
    """Keep the most similar image of each of the best `top_k` products.

    Args:
        similarities: float32 `(m,)`, in any order; the best of the shard.
        rows: int64 `(m,)`, distinct; -1 for places that are empty.
        product_of_row: int `(images,)`, the number of each row's product.
        top_k: distinct products wanted, at least 1.
        floor: images that are not here may be as similar as this; -inf when there are none.

    Ties break by lower row, wherever the index put them. That is why `top_k` products are not enough to be settled:
    as long as the last product kept is no better than the floor, a lower row may still come.
    """
    filled = rows >= 0
    if not filled.all():
        similarities, rows = similarities[filled], rows[filled]
    order = np.lexsort((rows, -similarities))
    first_of_product: dict[int, int] = {}
    # A dictionary beats np.unique at the usual ten to a hundred neighbours (4 against 20 microseconds for 11).
    for place, product in zip(order.tolist(), product_of_row[rows[order]].tolist(), strict=True):
        first_of_product.setdefault(product, place)
        if len(first_of_product) == top_k:
            break
    kept = np.fromiter(first_of_product.values(), dtype=np.int64, count=len(first_of_product))
    enough = kept.size == top_k and similarities[kept[-1]] > floor
    return Grouped(rows[kept], similarities[kept], settled=bool(enough or floor == -np.inf))
