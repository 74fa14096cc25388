"""Ranks of products and what is made of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.training.retrieval import Figures, figures, mean_gain, product_ranks


@given(st.integers(0, 500))
def test_ranks_are_those_of_sorting_the_products(seed: int) -> None:
    """A product counts once, where its nearest picture is; in a category, only that category's products count."""
    rng = np.random.default_rng(seed)
    products = [f"p{number}" for number in rng.permutation(np.repeat(np.arange(6), 2))]
    category = {f"p{number}": "even" if number % 2 == 0 else "odd" for number in range(6)}
    gallery, photos = rng.normal(size=(12, 4)).astype(np.float32), rng.normal(size=(5, 4)).astype(np.float32)
    wanted = [f"p{number}" for number in rng.integers(0, 6, 5)]
    everywhere = product_ranks(photos, wanted, gallery, products)
    within = product_ranks(photos, wanted, gallery, products, [category[product] for product in products])
    for photo, product, rank, inner in zip(photos, wanted, everywhere, within, strict=True):
        order = list(dict.fromkeys(products[place] for place in np.argsort(-(gallery @ photo))))
        assert rank == order.index(product)
        assert inner == [name for name in order if category[name] == category[product]].index(product)


@pytest.mark.parametrize("constant", [1.0, np.nan])
def test_an_embedder_that_says_nothing_finds_nothing(constant: float) -> None:
    """Ties count against the right product, and so do answers that are no numbers."""
    photos, gallery = np.full((1, 2), constant, np.float32), np.full((3, 2), constant, np.float32)
    assert product_ranks(photos, ["b"], gallery, ["a", "b", "c"]).tolist() == [2]


def test_figures_of_known_ranks() -> None:
    """First, third and sixth."""
    found = figures(np.array([0, 2, 5]))
    assert found.values() == pytest.approx((1 / 3, 2 / 3, (1 + 1 / 3 + 1 / 6) / 3))


def test_gain_is_relative_and_leaves_out_what_was_nothing() -> None:
    """Twice as good in one, as good in another; a third was 0."""
    assert mean_gain(Figures(0.4, 0.6, 0.2), Figures(0.2, 0.6, 0.0)) == pytest.approx(0.5)
