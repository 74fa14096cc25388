"""Photos spoilt on purpose: what the names promise, the same every time."""

import random
from collections import Counter

import pytest

from services.benchmarks.spoiling import WAYS, few, half_unseen, mislabelled
from services.photo.labelled import LabelledPhoto

PHOTOS = [
    LabelledPhoto(f"{category}/{product}/{number}.jpg", category, f"{category}-{product}")
    for category in ("apple", "milk", "leek")
    for product in range(4)
    for number in range(5)
]


def test_few_keeps_ten_a_category() -> None:
    """Every category stays, with ten photos."""
    assert Counter(photo.category for photo in few(PHOTOS, random.Random(1))) == {"apple": 10, "milk": 10, "leek": 10}


def test_three_labels_in_ten_are_wrong() -> None:
    """A wrong label is another category's, and its product is no longer known."""
    spoilt = mislabelled(PHOTOS, random.Random(1))
    wrong = [new for old, new in zip(PHOTOS, spoilt, strict=True) if new.category != old.category]
    assert len(wrong) == 18
    assert all(photo.product_id == "" for photo in wrong)
    assert [photo.photo_path for photo in spoilt] == [photo.photo_path for photo in PHOTOS]


def test_half_of_the_products_are_unseen() -> None:
    """All photos of the others stay."""
    kept = half_unseen(PHOTOS, random.Random(1))
    assert set(Counter(photo.product_id for photo in kept).values()) == {5}
    assert len(kept) == 30


@pytest.mark.parametrize("way", WAYS)
def test_the_same_lot_spoils_alike(way: str) -> None:
    """Else a figure could not be measured again."""
    assert WAYS[way](PHOTOS, random.Random("20")) == WAYS[way](PHOTOS, random.Random("20"))
