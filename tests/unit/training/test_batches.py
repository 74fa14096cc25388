"""What the network sees: both domains in every batch, with their categories and products."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from services.training.batches import Shown, batches, gallery_pictures_per_batch, steps_per_epoch
from services.training.fitted import TrainingData
from services.training.gathering import Pictures
from services.training.photos import NO_PRODUCT
from services.training.recipes import FineTuneRecipe

RECIPE = FineTuneRecipe(side=28, batch=6, photos_per_epoch=24)


def pictures(folder: Path, table: str, labels: list[tuple[str, str]]) -> Pictures:
    paths = []
    for number in range(len(labels)):
        path = folder / f"{table}-{number}.png"
        cv2.imwrite(str(path), np.full((30, 30, 3), 20 * number, np.uint8))
        paths.append(path)
    return Pictures(paths, [category for category, _ in labels], [product for _, product in labels])


@pytest.fixture
def data(tmp_path: Path) -> TrainingData:
    photos = [("pear", "p1"), ("pear", ""), ("plum", "q1"), ("plum", "unknown")] * 3
    shown = [("pear", "p1"), ("plum", "q1"), ("plum", "q2"), ("fig", "f1")]
    return TrainingData(
        train=pictures(tmp_path, "train", photos),
        val=pictures(tmp_path, "val", photos[:4]),
        gallery=pictures(tmp_path, "gallery", shown),
        categories=["pear", "plum"],
    )


def test_products_count_where_photo_and_gallery_show_them(data: TrainingData) -> None:
    """A product without a photo is not learned, and a photo without a gallery picture has no product."""
    shown = Shown.of(data, RECIPE, learn_products=True)
    assert shown.category_of_product == [0, 1]
    assert shown.gallery.products.tolist() == [0, 1]
    assert shown.train.products[:4].tolist() == [0, NO_PRODUCT, 1, NO_PRODUCT]
    assert shown.train.pixels.shape[1:] == (RECIPE.stored_side, RECIPE.stored_side, 3)
    assert shown.val.pixels.shape[1:] == (28, 28, 3)


def test_every_batch_holds_both_domains(data: TrainingData) -> None:
    """A sixth of each batch are gallery pictures; labels belong to the pictures."""
    shown = Shown.of(data, RECIPE, learn_products=True)
    epoch = list(batches(shown, RECIPE, 0))
    assert len(epoch) == steps_per_epoch(shown, RECIPE) == 2
    for batch in epoch:
        assert batch.pixels.shape == (6, 24, 24, 3)
        assert batch.products[-1] in (0, 1)
        assert batch.categories[-1] == batch.products[-1]


def test_an_epoch_depends_on_seed_and_number_only(data: TrainingData) -> None:
    """That is what lets an interrupted run repeat an unbroken one."""
    shown = Shown.of(data, RECIPE, learn_products=True)
    first, again, other = (next(batches(shown, RECIPE, epoch)).pixels for epoch in (3, 3, 4))
    assert (first == again).all()
    assert (first != other).any()


def test_without_products_no_gallery_picture_is_shown(data: TrainingData) -> None:
    """Then only the classifier is learned, from shoppers' photos alone."""
    shown = Shown.of(data, RECIPE, learn_products=False)
    assert shown.category_of_product == []
    assert len(shown.gallery.pixels) == 0
    assert gallery_pictures_per_batch(0, RECIPE) == 0
    assert gallery_pictures_per_batch(5, RECIPE) == 1
