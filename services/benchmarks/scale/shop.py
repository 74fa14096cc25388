"""What the shop sells: a drawn gallery, some of whose products are those on real photos. Pure.

Latency depends on how many shards a photo is searched in, and that on how sure the classifier is and how alike products
are. So the photos are real, and the pictures of their products are drawn to lie as near to them as the likeness says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.benchmarks.gallery import Gallery, Shape, Vectors

LOTS = 1_000
"""Each picture is of a lot from 0 to 999, drawn apart from its product: the first five, say, pass 0.5 %."""
_BRANDS = 20
_SHOWN_SHARE = 0.5
"""Of a category's products; the others are drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class Photos:
    """Real photos, and what the models say about them.

    Attributes:
        files: their paths.
        categories: what each shows, one of the classifier's labels.
        for_fitting: bool `(N,)`: scores are fitted to these; the others are searched.
        vectors: float32 `(N, dimension)`, of unit length.
        probabilities: the classifier's, float32 `(N, labels)`.
    """

    files: Sequence[str]
    categories: Sequence[str]
    for_fitting: NDArray[np.bool_]
    vectors: Vectors
    probabilities: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo whose product is sold: its place among the photos, and the product's place in the gallery."""

    photo: int
    category: int
    product: int


@dataclass(frozen=True, slots=True, eq=False)
class Shop:
    """A gallery with names.

    Attributes:
        gallery: its pictures.
        names: of its categories, the largest first.
        shown: the photos whose products it sells.
    """

    gallery: Gallery
    names: tuple[str, ...]
    shown: tuple[Shown, ...]

    def searched(self, photos: Photos) -> tuple[Shown, ...]:
        """Return the photos that nothing is fitted to."""
        return tuple(each for each in self.shown if not photos.for_fitting[each.photo])

    def product_id(self, category: int, product: int) -> str:
        """Return a product's id."""
        return f"{category:02}-{product:04}"

    def brand(self, category: int, product: int) -> str:
        """Return a product's brand, an attribute that its pictures share."""
        return f"brand {(31 * category + product) % _BRANDS:02}"

    def lots(self, category: int, images: int) -> NDArray[np.int64]:
        """Return the lot of each of a category's pictures, int64 `(images,)`."""
        return np.random.default_rng([self.gallery.seed, category]).integers(LOTS, size=images)


def shop_of(shape: Shape, seed: int, photos: Photos, labels: Sequence[str]) -> Shop:
    """Return the shop that sells what is on the photos, or on as many of them as half of its products can be.

    Args:
        shape: how large it is.
        seed: of everything that is drawn.
        photos: real ones.
        labels: the classifier's; what it does not know is sold, too.
    """
    gallery = Gallery(shape, seed, dimension=photos.vectors.shape[1])
    names = tlc_names(labels, shape.categories)
    of_category = np.array(photos.categories)
    means: dict[int, Vectors] = {}
    shown: list[Shown] = []
    for number, name in enumerate(names):
        here = of_category == name
        most = int(_SHOWN_SHARE * len(gallery.images_of_products(number))) // 2
        chosen = [np.flatnonzero(here & half)[:most] for half in (photos.for_fitting, ~photos.for_fitting)]
        places = np.concatenate(chosen)
        if not len(places):
            continue
        means[number] = means_around(gallery, number, photos.vectors[here], photos.vectors[places])
        shown += [Shown(photo, number, product) for product, photo in enumerate(places.tolist())]
    return Shop(replace(gallery, means=means), names, tuple(shown))


def tlc_names(labels: Sequence[str], categories: int) -> tuple[str, ...]:
    """Return the categories' names, the largest first: the classifier's labels spread over the sizes, and others."""
    places = np.linspace(0, categories - 1, min(len(labels), categories)).round().astype(int)
    known = dict(zip(places.tolist(), labels, strict=False))
    return tuple(known.get(number, f"TLC {number + 1:02}") for number in range(categories))


def means_around(gallery: Gallery, category: int, photos: Vectors, shown: Vectors) -> Vectors:
    """Return mean vectors of a category's products, the first of which are those on photos.

    Args:
        gallery: says how alike pictures are, and draws what the photos leave open.
        category: its number.
        photos: float32 `(N, dimension)`, photos of the category.
        shown: float32 `(n, dimension)`, those whose products are sold; n is less than the category's products.

    Returns:
        float32 `(products, dimension)`. Pictures of the category are as alike as in any other, and lie around the mean
        direction of its photos; a photo's mean cosine to the pictures of its product is that of two of them.
    """
    likeness = gallery.likeness
    in_category = likeness.common + likeness.category.variance
    in_product = in_category + likeness.product.variance
    mean = photos.mean(axis=0)
    direction = mean / np.linalg.norm(mean)
    centre = np.sqrt(in_category) * direction
    apart = gallery.products(category) - gallery.centre(category)
    for product, photo in enumerate(shown):
        own = photo - (photo @ direction) * direction
        length = float(np.linalg.norm(own))
        towards = (in_product - float(photo @ centre)) / length
        rest = max(0.0, 1.0 - towards**2 / likeness.product.variance)
        apart[product] = towards / length * own + np.sqrt(rest) * apart[product]
    means: Vectors = (centre + apart).astype(np.float32)
    return means
