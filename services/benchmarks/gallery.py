"""A gallery drawn by lot, of any size, in which pictures are as alike as a real embedder's are. Pure.

A vector is the sum, brought to length 1, of what all pictures have in common and what its category, its product, its
view (some pictures taken in a row) and the picture itself add, each drawn from a normal distribution of its own whose
variance fades from direction to direction. So the mean cosine of two pictures is the variance of what they share.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]

_SPREAD = 0.5
"""Of the pictures per product, and of how different a product's views are: standard deviation of the logarithm."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one level adds to a vector.

    Attributes:
        variance: the expected square of its length.
        directions: after so many the variance has faded to 1/e.
    """

    variance: float
    directions: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike pictures are; the variances add up to 1.

    Attributes:
        common: of all pictures.
        category: of a category.
        product: of a product.
        view: of a view.
        picture: of a single picture.
        pictures_per_view: on average.
    """

    common: float
    category: Part
    product: Part
    view: Part
    picture: Part
    pictures_per_view: float


GROCERY = Likeness(
    common=0.05,
    category=Part(0.175, 9.0),
    product=Part(0.228, 12.0),
    view=Part(0.40, 30.0),
    picture=Part(0.147, 60.0),
    pictures_per_view=3.0,
)
"""The committed embedder's vectors of the Grocery Store dataset's training photos (2,640, 81 products, 43 categories):
mean cosines of 0.45 within a product, 0.225 within a category and 0.05 beyond, and an intrinsic dimension of 7.8 by
the twenty nearest neighbours (Levina and Bickel, "Maximum likelihood estimation of intrinsic dimension", 2004)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How large a gallery is.

    Attributes:
        images: pictures, at least one per product.
        products: what is sold, at least one per category.
        categories: the largest has as many products as all of them allow, the n-th about 1/n of that (Zipf's law).
    """

    images: int
    products: int
    categories: int


@dataclass(frozen=True, slots=True)
class DrawnCategory:
    """One category's pictures.

    Attributes:
        vectors: float32 `(images, dimension)`, of unit length, product after product.
        product_of_row: int64 `(images,)`, from 0 in each category.
    """

    vectors: Vectors
    product_of_row: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DrawnPhotos:
    """Photos of products in the gallery, in the proportion of its pictures: views that it does not have.

    Attributes:
        vectors: float32 `(photos, dimension)`, of unit length.
        categories: int64 `(photos,)`, where each product belongs.
        products: int64 `(photos,)`, the product's number in its category.
    """

    vectors: Vectors
    categories: NDArray[np.int64]
    products: NDArray[np.int64]


@dataclass(frozen=True)
class Gallery:
    """A gallery; the same seed draws the same one, category by category, in any order.

    Attributes:
        shape: how large it is.
        seed: of everything.
        likeness: how alike its pictures are.
        dimension: of the vectors.
        means: what takes the place of the drawn mean vectors of a category's products, by category, float32
            `(products, dimension)`: where photos are not drawn but real, pictures have to lie where those do.
    """

    shape: Shape
    seed: int = 0
    likeness: Likeness = GROCERY
    dimension: int = 256
    means: Mapping[int, Vectors] = field(default_factory=dict, repr=False)
    _factors: dict[str, Vectors] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 1 <= self.shape.categories <= self.shape.products <= self.shape.images:
            raise ValueError(f"{self.shape}: at least one product per category, and one picture per product")
        parts = {name: getattr(self.likeness, name) for name in ("category", "product", "view", "picture")}
        factors = {name: _factor(part, self.dimension, self._lot(name)) for name, part in parts.items()}
        object.__setattr__(self, "_factors", factors)

    def images_of_products(self, category: int) -> NDArray[np.int64]:
        """Return how many pictures each product of a category has, int64 `(products,)`, each at least 1."""
        products = _zipf(self.shape.products, self.shape.categories)
        lot = self._lot("sizes")
        weights = np.exp(_SPREAD * lot.standard_normal(self.shape.products))
        images = _shared_out(self.shape.images, weights)
        first = int(products[:category].sum())
        return images[first : first + int(products[category])]

    def category(self, number: int) -> DrawnCategory:
        """Draw the pictures of one category, from 0."""
        sizes = self.images_of_products(number)
        blocks = list(self._pictures(number, sizes))
        return DrawnCategory(np.concatenate(blocks), np.repeat(np.arange(len(sizes)), sizes))

    def photos(self, count: int, seed: int = 0, category: int | None = None) -> DrawnPhotos:
        """Draw photos of products in the gallery, or in one category of it; another seed draws others."""
        lot = self._lot(f"photos {seed}")
        sizes = [self.images_of_products(number) for number in range(self.shape.categories)]
        shares = np.array([each.sum() for each in sizes]) / self.shape.images
        if category is not None:
            shares = (np.arange(self.shape.categories) == category).astype(np.float64)
        categories = lot.choice(self.shape.categories, size=count, p=shares)
        products = np.array([lot.choice(len(sizes[each]), p=sizes[each] / sizes[each].sum()) for each in categories])
        means = {number: self.products(number) for number in np.unique(categories).tolist()}
        centres = np.stack([means[number][product] for number, product in zip(categories, products, strict=True)])
        vectors = centres + self._draw("view", count, lot) + self._draw("picture", count, lot)
        return DrawnPhotos(_unit(vectors), categories.astype(np.int64), products.astype(np.int64))

    def centre(self, category: int) -> Vectors:
        """Return the drawn mean vector of a category, float32 `(dimension,)`, not of unit length."""
        return self._centre(self._lot(f"products {category}"))

    def products(self, category: int) -> Vectors:
        """Return the mean vector of each of a category's products, float32 `(products, dimension)`."""
        if category in self.means:
            return self.means[category]
        lot = self._lot(f"products {category}")
        centre = self._centre(lot)
        return centre + self._draw("product", len(self.images_of_products(category)), lot)

    def _pictures(self, number: int, sizes: NDArray[np.int64]) -> Iterator[Vectors]:
        products, lot = self.products(number), self._lot(f"pictures {number}")
        for product, images in enumerate(sizes.tolist()):
            views = max(1, round(images / self.likeness.pictures_per_view))
            different = np.float32(np.exp(_SPREAD * lot.standard_normal() - _SPREAD**2 / 2))
            centres = products[product] + different * self._draw("view", views, lot)
            yield _unit(centres[lot.integers(views, size=images)] + self._draw("picture", images, lot))

    def _centre(self, lot: np.random.Generator) -> Vectors:
        common = self._lot("common").standard_normal(self.dimension)
        common *= np.sqrt(self.likeness.common) / np.linalg.norm(common)
        centre: Vectors = common.astype(np.float32) + self._draw("category", 1, lot)[0]
        return centre

    def _draw(self, part: str, count: int, lot: np.random.Generator) -> Vectors:
        return lot.standard_normal((count, self.dimension), dtype=np.float32) @ self._factors[part]

    def _lot(self, what: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, *what.encode()])


def _factor(part: Part, dimension: int, lot: np.random.Generator) -> Vectors:
    """Return what turns standard normal numbers into what a part adds, float32 `(dimension, dimension)`."""
    variances = np.exp(-np.arange(dimension) / part.directions)
    variances *= part.variance / variances.sum()
    directions, _ = np.linalg.qr(lot.standard_normal((dimension, dimension)))
    factor: Vectors = (np.sqrt(variances)[:, None] * directions).astype(np.float32)
    return factor


def _zipf(products: int, categories: int) -> NDArray[np.int64]:
    return _shared_out(products, 1.0 / np.arange(1, categories + 1))


def _shared_out(total: int, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """Share out a number by weights, at least 1 each: the largest remainders are rounded up."""
    exact = (total - len(weights)) * weights / weights.sum()
    shares: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    up = np.argsort(shares - exact, kind="stable")[: total - len(weights) - int(shares.sum())]
    shares[up] += 1
    shares += 1
    return shares


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
