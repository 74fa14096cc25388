"""From neighbours, which are images, to the first hit of each product. Pure: no FAISS, no gRPC."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Compared: TypeAlias = tuple[NDArray[np.float32], NDArray[np.int64]]
"""Similarities float32 `(queries, n)` to some rows, and which rows these are, int64 `(n,)`, increasing."""

_SIGN: Final = np.uint32(1 << 31)
_ROW_BITS: Final = np.uint64(32)
_ROW: Final = np.uint64((1 << 32) - 1)


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
    ranks = np.sort(_ranks(similarities, rows))
    products = product_of_row[ranks & _ROW].astype(np.intp)
    places = np.arange(len(products))
    first_place = np.empty(products.max(initial=-1) + 1, np.intp)  # read only where it is written
    first_place[products[::-1]] = places[::-1]  # of several the last is kept: the first place
    kept = ranks[first_place[products] == places][:top_k]
    kept_rows, kept_similarities = (kept & _ROW).astype(np.int64), _similarities(kept)
    enough = kept.size == top_k and kept_similarities[-1] > floor
    return Grouped(kept_rows, kept_similarities, settled=bool(enough or floor == -np.inf))


def group_every_row(
    blocks: Iterable[Compared], product_of_row: NDArray[np.integer], products: int, queries: int, top_k: int
) -> list[Grouped]:
    """Keep the most similar image of each of the best `top_k` products, where every image was compared: in one pass.

    Args:
        blocks: what was compared, each row once, lower rows first.
        product_of_row: int `(images,)`, the number of each row's product.
        products: above all of these numbers.
        queries: how many there are.
        top_k: distinct products wanted, at least 1.

    Returns:
        For each query its best products, settled. Ties break by lower row.
    """
    best = np.full((queries, products), -np.inf, np.float32)
    best_rows = np.full((queries, products), -1, np.int64)
    for similarities, rows in blocks:
        products_of_rows = product_of_row[rows].astype(np.intp)
        for query in range(queries):
            before = best[query].copy()
            np.maximum.at(best[query], products_of_rows, similarities[query])
            is_best = similarities[query] == best[query][products_of_rows]
            better = np.flatnonzero(is_best & (similarities[query] > before[products_of_rows]))[::-1]
            best_rows[query, products_of_rows[better]] = rows[better]  # of several the last is kept: the lowest row
    return [_first(best[query], best_rows[query], top_k) for query in range(queries)]


def _ranks(similarities: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return numbers that sort as hits rank: the most similar first, and of equals the lower row.

    A hit's similarity stands above its row, as an integer of the same order: a float's bits, those of negative ones
    reversed. One sort of integers takes a tenth of what sorting by two keys takes: 8 against 80 microseconds for 1,104.
    """
    bits = (similarities + np.float32(0)).view(np.uint32)  # -0 becomes 0
    increasing = np.where(bits & _SIGN, ~bits, bits | _SIGN)
    return (~increasing).astype(np.uint64) << _ROW_BITS | rows.astype(np.uint64)


def _similarities(ranks: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Return the similarities that ranks were made of."""
    increasing = ~(ranks >> _ROW_BITS).astype(np.uint32)
    bits: NDArray[np.uint32] = np.where(increasing & _SIGN, increasing & ~_SIGN, ~increasing)
    return bits.view(np.float32)


def _first(best: NDArray[np.float32], best_rows: NDArray[np.int64], top_k: int) -> Grouped:
    """Return the best `top_k` products, given the best image of each; row -1 where there is none."""
    if len(best) > top_k:
        candidates = np.flatnonzero(best >= np.partition(best, -top_k)[-top_k])
        best, best_rows = best[candidates], best_rows[candidates]
    best, best_rows = best[best_rows >= 0], best_rows[best_rows >= 0]
    order = np.lexsort((best_rows, -best))[:top_k]
    return Grouped(best_rows[order], best[order], settled=True)
