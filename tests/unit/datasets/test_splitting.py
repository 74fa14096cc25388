"""Lots and folds: everyone has a place, shares are kept, products stay together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.datasets.splitting import by_lot, product_folds


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=60), st.integers(0, 100))
def test_each_group_is_split_in_the_shares(groups: list[str], seed: int) -> None:
    """A part of a group is off its share by less than one item either side."""
    parts = by_lot(groups, (0.6, 0.15, 0.25), seed)
    for group in set(groups):
        mine = parts[np.array(groups) == group]
        counts = np.bincount(mine, minlength=3)
        assert (np.abs(counts - len(mine) * np.array([0.6, 0.15, 0.25])) <= 1).all()


def test_small_groups_get_their_share_on_average() -> None:
    """Of 2,000 groups of one, a quarter lands in the part of a quarter."""
    parts = by_lot([str(number) for number in range(2000)], (0.75, 0.25), seed=3)
    assert abs((parts == 1).mean() - 0.25) < 0.03


def test_lots_are_drawn_within_a_group() -> None:
    """Another seed takes other items of the one group."""
    assert (by_lot(["a"] * 20, (0.5, 0.5), 1) != by_lot(["a"] * 20, (0.5, 0.5), 2)).any()


@given(st.integers(0, 100), st.integers(2, 5))
def test_folds_keep_products_together_and_categories_alive(seed: int, count: int) -> None:
    """A product has one fold; a category with two products or more is in two folds or more."""
    categories = ["A"] * 4 + ["B"] * 6 + ["C"] * 2 + ["A"]
    products = ["a1", "a2", "a1", "a2", "b1", "b2", "b3", "b1", "b2", "b3", "c", "c", ""]
    folds = product_folds(products, categories, count, seed)
    assert folds[-1] == -1
    by_product = {product: set(folds[np.array(products) == product]) for product in set(products) - {""}}
    assert all(len(found) == 1 and found <= set(range(count)) for found in by_product.values())
    assert by_product["a1"] != by_product["a2"]
    assert len(set.union(*(by_product[name] for name in ("b1", "b2", "b3")))) == min(3, count)
