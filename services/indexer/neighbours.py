"""The products of a shard that are most similar to each photo, found exactly. Pure."""

import numpy as np
from numpy.typing import NDArray

_BLOCK_SIMILARITIES = 8_000_000  # 32 MB at a time


def nearest_products(
    photos: NDArray[np.float32],
    vectors: NDArray[np.float32],
    product_of_row: NDArray[np.intp],
    labels: NDArray[np.intp],
    depth: int,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the best `depth` products of a shard for each photo, by the best image of each product.

    Args:
        photos: unit vectors `(N, dimension)`.
        vectors: the gallery's, `(images, dimension)`, at least one.
        product_of_row: the product of each image, 0 to P - 1, each there, `(images,)`.
        labels: pairs of a photo and a product that is on it, `(L, 2)`.
        depth: products wanted, at least 1.

    Returns:
        Similarities `(N, depth)`, not increasing, -inf beyond the last product; and whether each is on the photo.
    """
    order = np.argsort(product_of_row, kind="stable")
    firsts = np.searchsorted(product_of_row[order], np.arange(product_of_row.max() + 2))
    best = np.full((len(photos), depth), -np.inf, np.float32)
    products = np.full((len(photos), depth), -1, np.intp)
    for start, stop in _blocks(firsts, max(1, _BLOCK_SIMILARITIES // max(1, len(photos)))):
        rows = order[firsts[start] : firsts[stop]]
        similarities = np.maximum.reduceat(photos @ vectors[rows].T, firsts[start:stop] - firsts[start], axis=1)
        numbers = np.broadcast_to(np.arange(start, stop), similarities.shape)
        best, products = _best(np.hstack([best, similarities]), np.hstack([products, numbers]), depth)
    right = np.zeros(best.shape, np.bool_)
    np.logical_or.at(right, labels[:, 0], products[labels[:, 0]] == labels[:, 1:])
    return best.astype(np.float64), right


def _blocks(firsts: NDArray[np.intp], most_rows: int) -> list[tuple[int, int]]:
    """Return ranges of products of at most `most_rows` images together; a product is never split."""
    blocks, start, products = [], 0, len(firsts) - 1
    while start < products:
        stop = max(start + 1, int(np.searchsorted(firsts, firsts[start] + most_rows, side="right")) - 1)
        blocks.append((start, stop))
        start = stop
    return blocks


def _best(
    similarities: NDArray[np.float32], products: NDArray[np.intp], depth: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :depth]
    return np.take_along_axis(similarities, order, axis=1), np.take_along_axis(products, order, axis=1)
