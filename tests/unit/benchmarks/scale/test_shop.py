"""The shop sells what is on real photos, among drawn products that are as alike as the likeness says."""

import numpy as np
import pytest

from services.benchmarks.gallery import GROCERY, Shape, Vectors
from services.benchmarks.scale.shop import LOTS, Photos, Shop, shop_of, tlc_names

LABELS = ("Bag", "Coat", "Dress")
DIMENSION = 64


def real_photos(each: int = 40, seed: int = 3) -> Photos:
    """Photos of three categories, alike within each; every second one is for fitting."""
    lot = np.random.default_rng(seed)
    centres = np.repeat(lot.standard_normal((3, DIMENSION)), each, axis=0)
    vectors = centres + 2.5 * lot.standard_normal((3 * each, DIMENSION))
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return Photos(
        files=[f"{number}.jpg" for number in range(3 * each)],
        categories=[label for label in LABELS for _ in range(each)],
        for_fitting=np.arange(3 * each) % 2 == 0,
        vectors=unit,
        probabilities=np.full((3 * each, 3), 1 / 3, np.float32),
    )


PHOTOS = real_photos()


def shop(images: int = 6_000, products: int = 120, categories: int = 6) -> Shop:
    """A shop of which three categories are on the photos."""
    return shop_of(Shape(images, products, categories), 20, PHOTOS, LABELS)


def test_known_names_are_spread_over_the_sizes() -> None:
    """The largest and the smallest category are among them; all names differ."""
    names = tlc_names(LABELS, 7)
    assert [names.index(label) for label in LABELS] == [0, 3, 6]
    assert len(set(names)) == 7
    assert tlc_names(LABELS, 2) == ("Bag", "Coat")


def test_a_category_shows_at_most_half_of_its_products_and_as_many_for_fitting_as_for_searching() -> None:
    """Of categories that the classifier does not know, nothing is shown."""
    sold = shop()
    for number, name in enumerate(sold.names):
        shown = [each for each in sold.shown if each.category == number]
        fitting = sum(bool(PHOTOS.for_fitting[each.photo]) for each in shown)
        assert bool(shown) == (name in LABELS)
        assert len(shown) <= len(sold.gallery.images_of_products(number)) / 2
        assert 2 * fitting == len(shown)
        assert all(PHOTOS.categories[each.photo] == name for each in shown)
        assert len({each.product for each in shown}) == len(shown)
    assert len(sold.searched(PHOTOS)) == len(sold.shown) / 2


def test_pictures_of_a_product_lie_as_near_to_its_photo_as_to_each_other() -> None:
    """And those of other products of its category farther away, by what the likeness says about products."""
    sold = shop()
    own, others = [], []
    for number in {each.category for each in sold.shown}:
        drawn = sold.gallery.category(number)
        for each in (each for each in sold.shown if each.category == number):
            cosines = drawn.vectors @ PHOTOS.vectors[each.photo]
            is_own = drawn.product_of_row == each.product
            own.append(cosines[is_own].mean())
            others.append(cosines[~is_own].mean())
    in_product = GROCERY.common + GROCERY.category.variance + GROCERY.product.variance
    assert np.mean(own) == pytest.approx(in_product, abs=0.04)
    assert np.mean(own) - np.mean(others) > 0.2


def test_a_known_category_s_pictures_are_as_alike_as_those_of_any_other() -> None:
    """Only where they lie follows from the photos."""
    sold = shop()
    means = []
    for number in (sold.names.index("Coat"), 1):
        drawn = sold.gallery.category(number)
        apart = drawn.product_of_row[:, None] != drawn.product_of_row
        means.append(float((drawn.vectors @ drawn.vectors.T)[apart].mean()))
    assert means[0] == pytest.approx(means[1], abs=0.05)


def test_lots_pass_what_they_are_named_for() -> None:
    """Half, 5 % and 0.5 % of the pictures, whatever their product."""
    lots = shop().lots(0, 100_000)
    assert lots.min() == 0
    assert lots.max() == LOTS - 1
    for share in (0.5, 0.05, 0.005):
        assert (lots < share * LOTS).mean() == pytest.approx(share, rel=0.1)
