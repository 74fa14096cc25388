"""The choice of the embedder's projection: adapted where that helps, left where it does not."""

import numpy as np
from numpy.typing import NDArray

from services.training.adapting import AdaptationRecipe, adapt
from services.training.features import FeatureBank
from services.training.fitted import TrainingData
from services.training.gathering import together
from services.training.projection import Projection
from tests.support.features import bank_of, pictures

WIDTH, PRODUCTS = 20, 24
ROWS = [(f"C{number % 4}", f"p{number}") for number in range(PRODUCTS)]
BASE = Projection(np.zeros(WIDTH, np.float32), np.eye(WIDTH, dtype=np.float32))


def _data(gap: float) -> tuple[TrainingData, FeatureBank]:
    """Products live in 10 directions; photos differ from studio pictures by `gap` in 6 others."""
    rng = np.random.default_rng(0)
    what = {product: np.pad(rng.normal(size=10), (0, WIDTH - 10)) for _, product in ROWS}

    def photo(_: str, product: str) -> NDArray[np.float64]:
        seen = what[product] + 0.05 * rng.normal(size=WIDTH)
        seen[10:16] += gap * rng.normal(size=6)
        return seen

    data = TrainingData(
        pictures("train", ROWS * 8), pictures("val", ROWS * 3), pictures("gallery", ROWS), ["C0", "C1", "C2", "C3"]
    )
    return data, bank_of(together([data.train, data.val, data.gallery]), photo)


def test_a_gap_between_the_domains_is_closed() -> None:
    """For products that were seen, and for those that were left out."""
    data, bank = _data(gap=3.0)
    found = adapt(data, bank, BASE, AdaptationRecipe(), seed=1)
    assert found.base is not None
    assert found.projection is not None
    assert found.chosen in found.candidates
    assert found.projection.components.shape == (WIDTH, WIDTH)
    assert found.chosen is not None
    for figures in (found.chosen.by_photo, found.chosen.by_product):
        assert figures.recall_at_1 > found.base.recall_at_1 + 0.3
    assert found.chosen.gain(found.base) == max(candidate.gain(found.base) for candidate in found.candidates)


def test_an_embedder_that_finds_everything_stays() -> None:
    """There is nothing to gain, so nothing changes."""
    data, bank = _data(gap=0.0)
    found = adapt(data, bank, BASE, AdaptationRecipe(), seed=1)
    assert found.projection is None
    assert "as it is" in found.why
    assert found.candidates


def test_what_is_learnt_by_heart_shows() -> None:
    """Where each product is photographed in a way of its own, nothing is learnt for products that are left out."""
    rng = np.random.default_rng(0)
    width = 60
    what, way = ({product: rng.normal(size=width) for _, product in ROWS} for _ in range(2))
    data, _ = _data(gap=0.0)
    taken = together([data.train, data.val])
    photos = bank_of(taken, lambda _, product: what[product] + 4 * way[product] + 0.1 * rng.normal(size=width))
    shown = bank_of(data.gallery, lambda _, product: what[product])
    bank = FeatureBank(photos.plain | shown.plain, photos.mirrored, {})
    base = Projection(np.zeros(width, np.float32), np.eye(width, dtype=np.float32))
    found = adapt(data, bank, base, AdaptationRecipe(pair_shrinkages=(0.1,), strengths=(1.0,)), seed=1)
    (only,) = found.candidates
    assert only.by_photo.recall_at_1 > 0.9
    assert only.by_product.recall_at_1 < 0.5


def test_too_few_products_leave_the_embedder() -> None:
    """Four folds need more than four products."""
    data, bank = _data(gap=3.0)
    few = TrainingData(
        data.train.where(product in {"p0", "p1"} for product in data.train.products),
        data.val,
        data.gallery,
        data.categories,
    )
    assert adapt(few, bank, BASE, AdaptationRecipe(), seed=1).projection is None


def test_products_that_are_all_left_out_together_leave_the_embedder() -> None:
    """Three categories of one product each: where all fall to one fold, nothing is left to learn from."""
    rows = [(f"C{number}", f"p{number}") for number in range(3)]
    data = TrainingData(
        pictures("train", rows * 4),
        pictures("val", rows),
        pictures("gallery", rows),
        [category for category, _ in rows],
    )
    rng = np.random.default_rng(0)
    bank = bank_of(together([data.train, data.val, data.gallery]), lambda *_: rng.normal(size=WIDTH))
    found = [adapt(data, bank, BASE, AdaptationRecipe(folds=2), seed) for seed in range(20)]
    assert any("too few" in each.why for each in found)
    assert any(each.candidates for each in found)
