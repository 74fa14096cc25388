"""What the network sees while it is fine-tuned: photos and gallery pictures, augmented, batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.training.augmentation import augment
from services.training.balancing import draw_balanced
from services.training.fitted import TrainingData
from services.training.gathering import Pictures
from services.training.photos import NO_PRODUCT, Pixels, load
from services.training.recipes import FineTuneRecipe

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Photos:
    """Photos uint8 [N, S, S, 3] with their categories and products (`NO_PRODUCT` when unknown), int64 [N]."""

    pixels: Pixels
    categories: Labels
    products: Labels


@dataclass(frozen=True)
class Shown:
    """What the network sees.

    Attributes:
        train: photos to crop from.
        gallery: pictures to crop from, of the products that are learned.
        val: photos as they are served.
        val_gallery: the pictures of `gallery` as they are served.
        categories: how many there are.
        category_of_product: of each product that is learned, the place of its category.
    """

    train: Photos
    gallery: Photos
    val: Photos
    val_gallery: Photos
    categories: int
    category_of_product: list[int]

    @classmethod
    def of(cls, data: TrainingData, recipe: FineTuneRecipe, *, learn_products: bool) -> "Shown":
        """Read the photos, and the gallery pictures of products that photos show, if those are to be learned."""
        taken = set(data.train.products) - {""} if learn_products else set()
        products = sorted(taken.intersection(data.gallery.products))
        place = {product: number for number, product in enumerate(products)}

        def photos(pictures: Pictures, side: int) -> Photos:
            found = np.array([place.get(product, NO_PRODUCT) for product in pictures.products], np.int64)
            return Photos(load(pictures.paths, side), pictures.labels(data.categories), found)

        gallery = zip(data.gallery.products, data.gallery.categories, strict=True)
        learnable = data.gallery.where([product in place and name in data.categories for product, name in gallery])
        shown = photos(learnable, recipe.side)
        category_of = dict(zip(shown.products.tolist(), shown.categories.tolist(), strict=True))
        return cls(
            train=photos(data.train, recipe.stored_side),
            gallery=photos(learnable, recipe.stored_side),
            val=photos(data.val, recipe.side),
            val_gallery=shown,
            categories=len(data.categories),
            category_of_product=[category_of[number] for number in range(len(category_of))],
        )


def gallery_pictures_per_batch(available: int, recipe: FineTuneRecipe) -> int:
    """Return how many pictures of each batch are the gallery's; none where it has none to learn from."""
    return round(recipe.batch * recipe.gallery_share) if available else 0


def steps_per_epoch(shown: Shown, recipe: FineTuneRecipe) -> int:
    """Return the batches of an epoch."""
    photos_per_batch = recipe.batch - gallery_pictures_per_batch(len(shown.gallery.pixels), recipe)
    return max(1, min(len(shown.train.pixels), recipe.photos_per_epoch) // photos_per_batch)


def batches(shown: Shown, recipe: FineTuneRecipe, epoch: int) -> Iterator[Photos]:
    """Yield one epoch's batches, in each its photos first and then its gallery pictures.

    Its chance depends on seed and epoch only.
    """
    steps = steps_per_epoch(shown, recipe)
    rng = np.random.default_rng((recipe.seed, epoch))
    from_gallery = gallery_pictures_per_batch(len(shown.gallery.pixels), recipe)
    taken = draw_balanced(shown.train.categories, steps * (recipe.batch - from_gallery), rng).reshape(steps, -1)
    pictures = _in_turn(len(shown.gallery.pixels), steps * from_gallery, rng).reshape(steps, -1)
    for photos, gallery in zip(taken, pictures, strict=True):
        drawn = [(shown.train, place) for place in photos] + [(shown.gallery, place) for place in gallery]
        fresh = np.stack([augment(source.pixels[place], recipe.training_side, rng) for source, place in drawn])
        categories = np.array([source.categories[place] for source, place in drawn], np.int64)
        products = np.array([source.products[place] for source, place in drawn], np.int64)
        yield Photos(fresh, categories, products)


def _in_turn(available: int, count: int, rng: np.random.Generator) -> Labels:
    """Draw `count` places so that none comes twice before all others came once."""
    rounds = [rng.permutation(available) for _ in range(-(-count // max(available, 1)))]
    return np.array(rounds, np.int64).reshape(-1)[:count]
