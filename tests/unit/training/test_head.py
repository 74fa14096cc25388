"""The head on features whose answers are known: which penalty is kept, and what new products are."""

import numpy as np
import pytest

from services.training.features import FeatureBank
from services.training.fitted import EpochReport, TrainingData
from services.training.gathering import together
from services.training.head import HeadRecipe, accuracy_on_new_products, fit_head
from tests.support.features import bank_of, pictures

CATEGORIES = ["Bag", "Shoe"]


def _data(noise: float, products: int = 10) -> tuple[TrainingData, FeatureBank]:
    """Bags point one way, shoes the other; each product adds its own direction."""
    rng = np.random.default_rng(0)
    rows = [(category, f"{category}{number}") for category in CATEGORIES for number in range(products)]
    train, val = pictures("train", rows * 6), pictures("val", rows * 3)
    own = {product: rng.normal(size=16) for _, product in rows}
    side = {"Bag": 3.0, "Shoe": -3.0}

    def feature(category: str, product: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.concatenate([np.full(4, side[category]), own[product]]) + noise * rng.normal(size=20)

    bank = bank_of(together([train, val]), feature)
    return TrainingData(train, val, pictures("gallery", rows), CATEGORIES), bank


def test_the_best_step_of_the_path_is_kept() -> None:
    """Its layer classifies raw features as well as was reported, and steps are told like epochs."""
    data, bank = _data(noise=3.0)
    told: list[EpochReport] = []
    head = fit_head(data, bank, HeadRecipe(), told.append)
    best = [epoch for epoch in told if epoch.is_best][-1]
    assert head.penalty == HeadRecipe().penalties[best.epoch - 1]
    right = head.layer(bank.of(data.val)).argmax(axis=1) == data.val.labels(CATEGORIES)
    assert right.mean() == pytest.approx(best.accuracy)
    assert best.accuracy == max(epoch.accuracy for epoch in told) > 0.9


def test_the_path_is_left_when_it_leads_nowhere() -> None:
    """Two penalties without a better result are enough."""
    data, bank = _data(noise=0.1)
    told: list[EpochReport] = []
    fit_head(data, bank, HeadRecipe(penalties=(0.01, 1e3, 1e4, 1e5, 1e6)), told.append)
    assert [epoch.is_best for epoch in told] == [True, False, False]


def test_products_never_seen_are_judged_without_their_photos() -> None:
    """What all products of a category share is recognised in a new one; each product is judged once."""
    data, bank = _data(noise=0.1)
    found = accuracy_on_new_products(data, bank, 0.01, HeadRecipe(), seed=1)
    assert found is not None
    assert (found.photos, found.products) == (len(data.train) + len(data.val), 20)
    assert found.accuracy > 0.9


def test_nothing_shared_is_not_recognised_in_new_products() -> None:
    """Where products of a category have nothing in common, a new one is a guess: the figure shows it."""
    data, bank = _data(noise=0.1)
    own = {path: feature * np.repeat([0.0, 1.0], [4, 16]) for path, feature in bank.plain.items()}
    memorised = FeatureBank({path: own[path].astype(np.float32) for path in own}, {}, {})
    told: list[EpochReport] = []
    fit_head(data, memorised, HeadRecipe(), told.append)
    found = accuracy_on_new_products(data, memorised, 0.01, HeadRecipe(), seed=1)
    assert max(epoch.accuracy for epoch in told) == 1
    assert found is not None
    assert found.accuracy < 0.8


def test_a_category_with_one_product_can_not_be_judged() -> None:
    """Without it, nobody could know the category."""
    data, bank = _data(noise=0.1, products=1)
    assert accuracy_on_new_products(data, bank, 0.01, HeadRecipe(), seed=1) is None
