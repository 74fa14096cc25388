"""Supervised whitening: a planted shift between domains is undone, and its parts are what they say."""

import numpy as np
import pytest
from numpy.typing import NDArray

from services.training.projection import Projection
from services.training.retrieval import figures, product_ranks
from services.training.whitening import mix, population, scatters, whiten

PRODUCTS, PHOTOS, WIDTH, DIMENSION = 40, 8, 24, 8


def _domains(seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Products live in 8 directions; photos differ from studio pictures, strongly and at random, in 6 others."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    what = np.zeros((PRODUCTS, WIDTH))
    what[:, :8] = rng.normal(size=(PRODUCTS, 8))
    gallery = what.copy()
    gallery[:, 8:14] += 4 * rng.normal(size=(PRODUCTS, 6))
    photos = np.repeat(what, PHOTOS, axis=0) + 0.1 * rng.normal(size=(PRODUCTS * PHOTOS, WIDTH))
    photos[:, 8:14] += 4 * rng.normal(size=(len(photos), 6))
    return (photos @ turn).astype(np.float32), (gallery @ turn).astype(np.float32)


def _recall(projection: Projection, photos: NDArray[np.float32], gallery: NDArray[np.float32], of: range) -> float:
    names = [f"{number:02}" for number in range(PRODUCTS)]
    taken = np.repeat(np.arange(PRODUCTS), PHOTOS)
    mine = np.isin(taken, of)
    found = product_ranks(
        projection.embed(photos[mine]), [names[product] for product in taken[mine]], projection.embed(gallery), names
    )
    return figures(found).recall_at_1


@pytest.mark.parametrize("strength", [0.3, 1.0])
def test_a_planted_shift_is_undone_for_products_never_seen(strength: float) -> None:
    """What differs within pairs stops counting, also for the ten products that no pair was taken from."""
    photos, gallery = _domains()
    products = np.repeat(np.arange(PRODUCTS), PHOTOS)
    plain = Projection(gallery.mean(axis=0), np.eye(WIDTH, dtype=np.float32))
    found = scatters(photos[products < 30], products[products < 30], gallery[:30], np.arange(30))
    whole = population(np.concatenate([photos, gallery]))
    pairs, within = (whiten(scatter, 0.01, whole, DIMENSION) for scatter in (found.pairs, found.photos))
    new = range(30, 40)
    assert _recall(plain, photos, gallery, new) < 0.3
    assert _recall(mix(pairs, within, strength, whole, DIMENSION), photos, gallery, new) > 0.9


def test_scatters_are_those_of_all_pairs() -> None:
    """The closed form equals the mean over every pair of photo and picture, product by product."""
    rng = np.random.default_rng(1)
    photos, gallery = (rng.normal(size=(size, 3)).astype(np.float32) for size in (7, 5))
    taken, shown = np.array([0, 0, 0, 1, 1, 2, 9]), np.array([0, 0, 1, 1, 2])
    expected = np.zeros((3, 3))
    for product in range(3):
        pairs = [a - b for a in photos[taken == product] for b in gallery[shown == product]]
        expected += np.mean([np.outer(pair, pair) for pair in pairs], axis=0) / 3
    np.testing.assert_allclose(scatters(photos, taken, gallery, shown).pairs, expected, atol=1e-6)


def test_whitening_makes_the_scatter_even() -> None:
    """Without shrinkage and cut, the projected scatter is a multiple of the identity."""
    rng = np.random.default_rng(2)
    root = rng.normal(size=(6, 6))
    scatter = root @ root.T
    components = whiten(scatter, 0.0, population(rng.normal(size=(50, 6)).astype(np.float32)), 6)
    projected = components.T @ scatter @ components
    np.testing.assert_allclose(projected, projected[0, 0] * np.eye(6), atol=1e-6)


def test_no_shared_product_is_refused() -> None:
    """There is nothing to learn from."""
    with pytest.raises(ValueError, match="no product"):
        scatters(np.ones((2, 3), np.float32), np.array([0, 0]), np.ones((2, 3), np.float32), np.array([1, 1]))
