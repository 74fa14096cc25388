"""Who goes where by lot: parts of given shares, and folds that keep each product together. Pure."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray


def by_lot(groups: Sequence[Hashable], shares: Sequence[float], seed: int) -> NDArray[np.intp]:
    """Deal items into parts so that every group is split in about the given shares.

    Each group is shuffled, spread evenly over [0, 1) from a random start, and cut where the shares end (systematic
    sampling): groups of any size get their shares on average, and large ones nearly exactly.

    Args:
        groups: what each of the N items belongs to.
        shares: of the parts, adding up to 1.
        seed: decides the lots; a group's lots also depend on which groups came before it.

    Returns:
        The part of each item, 0 to `len(shares)` - 1, `(N,)`.
    """
    rng = np.random.default_rng(seed)
    ends = np.cumsum(shares)[:-1]
    parts = np.empty(len(groups), np.intp)
    for places in _places(groups).values():
        positions = (np.arange(len(places)) + rng.random()) / len(places)
        parts[rng.permutation(places)] = np.searchsorted(ends, positions, side="right")
    return parts


def product_folds(products: Sequence[str], categories: Sequence[str], count: int, seed: int) -> NDArray[np.intp]:
    """Deal products into folds, so that what is learnt without a fold can be tried on products it has never seen.

    The products of a category go to different folds, as far as there are enough: a category loses all of its products
    at once only when it has but one.

    Args:
        products: of each of the N photos; empty where it is not known.
        categories: of each photo.
        count: how many folds.
        seed: decides the lots.

    Returns:
        The fold of each photo, 0 to `count` - 1, or -1 where the product is not known, `(N,)`.
    """
    rng = np.random.default_rng(seed)
    known = sorted({pair for pair in zip(categories, products, strict=True) if pair[1]})
    fold_of: dict[tuple[str, str], int] = {}
    for places in _places([category for category, _ in known]).values():
        start = int(rng.integers(count))
        for turn, place in enumerate(rng.permutation(places)):
            fold_of[known[place]] = (start + turn) % count
    return np.array([fold_of.get(pair, -1) for pair in zip(categories, products, strict=True)], np.intp)


def _places(groups: Sequence[Hashable]) -> dict[Hashable, list[int]]:
    """Return the places of each group's items, groups in the order of their first item."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, group in enumerate(groups):
        places[group].append(place)
    return places
