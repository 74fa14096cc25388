"""The drawn gallery: as large as asked for, the same each time, and as alike as the real vectors that it follows."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.benchmarks.gallery import Gallery, Shape

GROCERY_LIKE = Gallery(Shape(images=2_640, products=81, categories=43))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 30), st.integers(0, 500), st.integers(0, 3))
def test_it_is_as_large_as_asked_for(categories: int, more_products: int, more_images: int, seed: int) -> None:
    """To the last picture, and every product has one."""
    products = categories + more_products
    gallery = Gallery(Shape(products + more_images, products, categories), seed, dimension=8)
    sizes = [gallery.images_of_products(number) for number in range(categories)]
    assert sum(len(each) for each in sizes) == products
    assert sum(int(each.sum()) for each in sizes) == products + more_images
    assert min(int(each.min()) for each in sizes) >= 1
    assert [len(each) for each in sizes] == sorted((len(each) for each in sizes), reverse=True)


def test_categories_follow_zipf_s_law() -> None:
    """The tenth has a tenth of the first's products."""
    gallery = Gallery(Shape(images=2_000_000, products=3_200, categories=32), dimension=8)
    products = [len(gallery.images_of_products(number)) for number in range(32)]
    assert products[9] == pytest.approx(products[0] / 10, rel=0.1)


def test_pictures_are_as_alike_as_the_real_ones() -> None:
    """Mean cosines within a product, within a category and beyond, of the vectors that the likeness was taken from."""
    drawn = [GROCERY_LIKE.category(number) for number in range(43)]
    vectors = np.concatenate([each.vectors for each in drawn])
    categories = np.repeat(np.arange(43), [len(each.vectors) for each in drawn])
    products = 100 * categories + np.concatenate([each.product_of_row for each in drawn])
    same_product = products[:, None] == products
    same_category = categories[:, None] == categories
    cosines = vectors @ vectors.T
    apart = ~np.eye(len(vectors), dtype=bool)
    assert cosines[same_product & apart].mean() == pytest.approx(0.45, abs=0.06)
    assert cosines[same_category & ~same_product].mean() == pytest.approx(0.225, abs=0.06)
    assert cosines[~same_category].mean() == pytest.approx(0.05, abs=0.03)


def test_a_seed_draws_the_same_gallery_in_any_order() -> None:
    """And another one draws another."""
    shape = Shape(images=300, products=20, categories=3)
    last = Gallery(shape, 7).category(2).vectors
    again = Gallery(shape, 7)
    again.category(0)
    again.photos(10)
    assert np.array_equal(last, again.category(2).vectors)
    assert not np.array_equal(last, Gallery(shape, 8).category(2).vectors)


def test_photos_are_of_products_in_the_gallery() -> None:
    """Each is most alike, on average, to the pictures of its product; and none is a picture of the gallery."""
    gallery = Gallery(Shape(images=3_000, products=50, categories=5))
    photos = gallery.photos(100)
    drawn = [gallery.category(number) for number in range(5)]
    own, others = [], []
    for vector, category, product in zip(photos.vectors, photos.categories, photos.products, strict=True):
        cosines = drawn[category].vectors @ vector
        of_product = drawn[category].product_of_row == product
        own.append(cosines[of_product].mean())
        others.append(cosines[~of_product].mean())
        assert cosines.max() < 0.999
    assert np.mean(own) > np.mean(others) + 0.1


def test_photos_of_one_category_are_of_its_products() -> None:
    """Each is most alike to pictures of that category."""
    gallery = Gallery(Shape(images=1_000, products=50, categories=5), dimension=64)
    photos = gallery.photos(50, category=3)
    assert set(photos.categories.tolist()) == {3}
    alike = [(photos.vectors @ gallery.category(number).vectors.T).mean() for number in range(5)]
    assert int(np.argmax(alike)) == 3


def test_given_means_take_the_place_of_drawn_ones() -> None:
    """Pictures and photos of that category follow them; the others stay what they are."""
    drawn = Gallery(Shape(images=1_000, products=50, categories=5), dimension=64)
    means = -drawn.products(2)
    given = replace(drawn, means={2: means})
    category = given.category(2)
    assert np.array_equal(given.category(1).vectors, drawn.category(1).vectors)
    assert np.array_equal(category.product_of_row, drawn.category(2).product_of_row)
    assert (category.vectors @ means[category.product_of_row].T).mean() > 0.1
    assert (given.photos(20, category=2).vectors @ drawn.category(2).vectors.T).mean() < -0.1


@pytest.mark.parametrize("shape", [Shape(10, 5, 6), Shape(4, 5, 2), Shape(5, 5, 0)])
def test_what_can_not_be_drawn_is_refused(shape: Shape) -> None:
    """A category without product, a product without picture."""
    with pytest.raises(ValueError, match="at least one product per category"):
        Gallery(shape)
