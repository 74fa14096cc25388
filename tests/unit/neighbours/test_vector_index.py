"""Among some of its rows an index finds what an exact scan of these finds, whichever and however few they are."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.benchmarks.gallery import Gallery, Shape
from services.indexer.building import IndexRules, build_index
from services.neighbours import exhaustive, vector_index
from services.neighbours.products import Part, nearest_products
from services.neighbours.selection import Selection
from services.neighbours.vector_index import VectorIndex

IMAGES, PRODUCTS, QUERIES = 4_000, 40, 25
GALLERY = Gallery(Shape(IMAGES, PRODUCTS, 1), seed=5, dimension=32)
DRAWN = GALLERY.category(0)
PHOTOS = GALLERY.photos(QUERIES).vectors
SIMILARITIES = PHOTOS @ DRAWN.vectors.T

Mask = NDArray[np.bool_]


@pytest.fixture(scope="module", params=["Flat", "PQ16x4fs,RFlat", "IVF16,PQ16x4fs,RFlat", "HNSW32", "IVF16,Flat"])
def index(request: pytest.FixtureRequest) -> VectorIndex:
    """An index of the drawn pictures, tuned as the indexer does."""
    return build_index(DRAWN.vectors, DRAWN.product_of_row, IndexRules(factory=request.param)).searchable


def some_images(share: float) -> Mask:
    """Return any images."""
    return np.random.default_rng(3).random(IMAGES) < share


def some_products(share: float) -> Mask:
    """Return all images of any products: what a brand or a colour passes."""
    products = np.random.default_rng(4).permutation(PRODUCTS)[: max(1, round(share * PRODUCTS))]
    return np.isin(DRAWN.product_of_row, products)


def the_farthest(share: float) -> Mask:
    """Return the images that are least like the photos: an index proposes them last."""
    farthest = np.argsort(SIMILARITIES.max(axis=0))[: round(share * IMAGES)]
    return np.isin(np.arange(IMAGES), farthest)


def recall(index: VectorIndex, mask: Mask) -> float:
    """Return the share of the ten best products that is found, having looked whether all that is found passes."""
    answers = nearest_products([Part(index, selection=Selection(mask))], DRAWN.product_of_row, PHOTOS, 10)
    shares = []
    for found, similarities in zip(answers, SIMILARITIES, strict=True):
        nearest = np.argsort(-np.where(mask, similarities, -np.inf))[: mask.sum()]
        best = set(list(dict.fromkeys(DRAWN.product_of_row[nearest].tolist()))[:10])
        assert mask[found.rows].all()
        np.testing.assert_allclose(found.similarities, similarities[found.rows], atol=1e-5)
        shares.append(len(best & set(DRAWN.product_of_row[found.rows].tolist())) / len(best))
    return float(np.mean(shares))


@pytest.mark.parametrize("which", [some_images, some_products, the_farthest])
@pytest.mark.parametrize("share", [0.995, 0.5, 0.2, 0.05, 0.005])
def test_recall_does_not_depend_on_what_passes(index: VectorIndex, which: Any, share: float) -> None:
    """Images or whole products, half of them or twenty, alike or the very last: at least 0.98 of the best ten."""
    assert recall(index, which(share)) >= 0.98


def test_what_lies_elsewhere_is_looked_for_once(index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that proposes hardly anything that passes is not asked for twice as much again and again."""
    proposed: list[int] = []
    propose = VectorIndex._proposed

    def counted(self: VectorIndex, *arguments: Any) -> Any:
        proposed.append(1)
        return propose(self, *arguments)

    monkeypatch.setattr(VectorIndex, "_proposed", counted)
    part = Part(index, selection=Selection(the_farthest(0.5)))
    for photo in PHOTOS:
        nearest_products([part], DRAWN.product_of_row, photo[np.newaxis], 10)

    assert len(proposed) <= 1.2 * QUERIES


def test_few_rows_are_compared_one_by_one(index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than an index would have to propose; many are not, unless the index does nothing else."""
    scanned: list[int] = []
    scan = exhaustive.nearest_of_all

    def counted(*arguments: Any) -> Any:
        scanned.append(1)
        return scan(*arguments)

    monkeypatch.setattr(vector_index, "nearest_of_all", counted)
    index.nearest(PHOTOS[:1], 16, selection=Selection(some_images(0.9)))
    assert bool(scanned) == index._is_exact
    scanned.clear()
    index.nearest(PHOTOS[:1], 16, selection=Selection(some_images(0.02)))
    assert scanned


def test_nothing_that_is_proposed_passes(index: VectorIndex) -> None:
    """A tenth passes, and it is what the index would propose last: it is found all the same."""
    mask = the_farthest(0.1)
    for photo, similarities in zip(PHOTOS, SIMILARITIES, strict=True):
        nearest = index.nearest(photo[np.newaxis], 8, selection=Selection(mask))
        assert nearest.rows[0, 0] == np.where(mask, similarities, -np.inf).argmax()


def test_nothing_passes(index: VectorIndex) -> None:
    """Then nothing is found, and that is all."""
    nearest = index.nearest(PHOTOS, 16, selection=Selection(np.zeros(IMAGES, np.bool_)))
    assert nearest.rows.shape == (QUERIES, 0)
    assert np.isneginf(nearest.floors).all()
