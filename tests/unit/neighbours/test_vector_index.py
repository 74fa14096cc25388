"""Among some of its rows an index finds what an exact scan of these finds, whichever and however few they are."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.benchmarks.gallery import Gallery, Shape
from services.indexer.building import build_index
from services.neighbours import exhaustive, vector_index
from services.neighbours.products import Part, nearest_products
from services.neighbours.selection import Selection
from services.neighbours.vector_index import VectorIndex
from services.snapshot.index_rules import IndexRules

IMAGES, PRODUCTS, QUERIES = 4_000, 40, 25
GALLERY = Gallery(Shape(IMAGES, PRODUCTS, 1), seed=5, dimension=32)
DRAWN = GALLERY.category(0)
PHOTOS = GALLERY.photos(QUERIES).vectors
SIMILARITIES = PHOTOS @ DRAWN.vectors.T

Mask = NDArray[np.bool_]


FACTORIES = (
    "Flat",
    "PQ16x4fs,RFlat",
    "IVF16,PQ16x4fs,RFlat",
    "HNSW32",
    "IVF16,Flat",
    "SQ8",
    "PQ16x4",
    "PQ16x4,Refine(PQ16x4)",
)


@pytest.fixture(scope="module", params=FACTORIES)
def index(request: pytest.FixtureRequest) -> VectorIndex:
    """An index of the drawn pictures, tuned as the indexer does."""
    return build_index(DRAWN.vectors, DRAWN.product_of_row, IndexRules(factory=request.param)).searchable


@pytest.fixture(scope="module")
def similarities(index: VectorIndex) -> NDArray[np.float32]:
    """The photos' similarities to all vectors, as exactly as the index has them; float32 `(QUERIES, IMAGES)`."""
    compared: NDArray[np.float32] = PHOTOS @ index.vectors(np.arange(IMAGES)).T
    return compared


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


def recall(index: VectorIndex, similarities: NDArray[np.float32], mask: Mask) -> float:
    """Return the share of the ten best products that is found, having looked whether all that is found passes."""
    answers = nearest_products([Part(index, selection=Selection(mask))], DRAWN.product_of_row, PHOTOS, 10)
    shares = []
    for found, of_photo in zip(answers, similarities, strict=True):
        nearest = np.argsort(-np.where(mask, of_photo, -np.inf))[: mask.sum()]
        best = set(list(dict.fromkeys(DRAWN.product_of_row[nearest].tolist()))[:10])
        assert mask[found.rows].all()
        np.testing.assert_allclose(found.similarities, of_photo[found.rows], atol=1e-5)
        shares.append(len(best & set(DRAWN.product_of_row[found.rows].tolist())) / len(best))
    return float(np.mean(shares))


@pytest.mark.parametrize("which", [some_images, some_products, the_farthest])
@pytest.mark.parametrize("share", [0.995, 0.5, 0.2, 0.05, 0.005])
def test_recall_does_not_depend_on_what_passes(
    index: VectorIndex, similarities: NDArray[np.float32], which: Any, share: float
) -> None:
    """Images or whole products, half of them or twenty, alike or the very last: at least 0.98 of the best ten."""
    assert recall(index, similarities, which(share)) >= 0.98


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


def test_nothing_that_is_proposed_passes(index: VectorIndex, similarities: NDArray[np.float32]) -> None:
    """A tenth passes, and it is what the index would propose last: it is found all the same."""
    mask = the_farthest(0.1)
    for photo, of_photo in zip(PHOTOS, similarities, strict=True):
        nearest = index.nearest(photo[np.newaxis], 8, selection=Selection(mask))
        assert nearest.rows[0, 0] == np.where(mask, of_photo, -np.inf).argmax()


def test_nothing_passes(index: VectorIndex) -> None:
    """Then nothing is found, and that is all."""
    nearest = index.nearest(PHOTOS, 16, selection=Selection(np.zeros(IMAGES, np.bool_)))
    assert nearest.rows.shape == (QUERIES, 0)
    assert np.isneginf(nearest.floors).all()
