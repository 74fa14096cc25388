"""Training photos spoilt on purpose, for classifiers that the cascade must survive. Pure, seeded."""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from services.photo.labelled import LabelledPhoto

Photos = Sequence[LabelledPhoto]
Spoil = Callable[[Photos, random.Random], list[LabelledPhoto]]

_PHOTOS_A_CATEGORY = 10
_WRONG_SHARE = 0.3


def few(photos: Photos, lot: random.Random) -> list[LabelledPhoto]:
    """Keep ten photos of each category."""
    by_category = defaultdict(list)
    for photo in photos:
        by_category[photo.category].append(photo)
    return [
        photo
        for _, mine in sorted(by_category.items())
        for photo in lot.sample(mine, min(_PHOTOS_A_CATEGORY, len(mine)))
    ]


def mislabelled(photos: Photos, lot: random.Random) -> list[LabelledPhoto]:
    """Give three photos in ten the label of another category."""
    names = sorted({photo.category for photo in photos})
    wrong = set(lot.sample(range(len(photos)), round(_WRONG_SHARE * len(photos))))
    return [
        replace(photo, category=lot.choice([name for name in names if name != photo.category]), product_id="")
        if place in wrong
        else photo
        for place, photo in enumerate(photos)
    ]


def half_unseen(photos: Photos, lot: random.Random) -> list[LabelledPhoto]:
    """Keep the photos of half of the products; categories may be left without any."""
    products = sorted({photo.product_id for photo in photos})
    kept = set(lot.sample(products, len(products) // 2))
    return [photo for photo in photos if photo.product_id in kept]


def everything(photos: Photos, lot: random.Random) -> list[LabelledPhoto]:
    """Spoil the photos in all three ways."""
    return mislabelled(few(half_unseen(photos, lot), lot), lot)


WAYS: Mapping[str, Spoil] = {
    "ten-photos": few,
    "labels-wrong": mislabelled,
    "half-unseen": half_unseen,
    "all-three": everything,
}
"""How classifiers are spoilt, by name."""
