"""The Fashion-MNIST adapter on a small made-up collection of the same shape."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.datasets.fashion_mnist import FashionOptions, build
from services.datasets.fashion_source import CATEGORIES, FashionSplit, Split
from services.datasets.labelled import read_dataset
from services.photo.labelled import read_photos

OPTIONS = FashionOptions(products=12, queries=5, seed=3)
WITH_TRAINING = replace(OPTIONS, train_photos=20, val_photos=6)


class Collection:
    """Forty boxes per split, four of each category; counts how often it is read."""

    def __init__(self) -> None:
        self.reads = 0

    def __call__(self, split: Split) -> FashionSplit:
        self.reads += 1
        images = np.zeros((40, 28, 28), np.uint8)
        for index, image in enumerate(images):
            image[4:24, 8 : 12 + index % 8] = 100 + 3 * index + (split == "train")
        return FashionSplit(images, (np.arange(40) % 10).astype(np.uint8))


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_gallery_and_queries_are_complete(tmp_path: Path) -> None:
    """Every row's picture exists, queries show gallery products, and no product is asked for twice."""
    dataset = read_dataset(build(tmp_path / "made", Collection(), OPTIONS, lambda *_: None))
    rows = dataset.catalogue.read_text().splitlines()[1:]
    assert len(rows) == 12
    assert all((dataset.image_root / row.split(",")[3]).is_file() for row in rows)
    assert dataset.queries is not None
    queries = read_photos(dataset.queries, dataset.image_root)
    assert len({query.product_id for query in queries}) == 5
    assert {query.product_id for query in queries} <= {row.split(",")[1] for row in rows}
    assert all((dataset.image_root / query.photo_path).is_file() for query in queries)


def test_gallery_pictures_are_studio_pictures(tmp_path: Path) -> None:
    """224 pixels, on white, the product where it was."""
    build(tmp_path / "made", Collection(), OPTIONS, lambda *_: None)
    picture = cv2.imread(str(tmp_path / "made/gallery/test-00003.png"), cv2.IMREAD_GRAYSCALE)
    assert picture is not None
    assert picture.shape == (224, 224)
    assert picture[0, 0] == 255
    assert abs(int(picture[112, 80]) - (255 - 109)) <= 2


def test_training_photos_are_balanced(tmp_path: Path) -> None:
    """Each category has its even share, and all come from the training split."""
    dataset = read_dataset(build(tmp_path / "made", Collection(), WITH_TRAINING, lambda *_: None))
    assert dataset.train is not None
    train = read_photos(dataset.train, dataset.image_root)
    assert sorted(photo.category for photo in train) == sorted(CATEGORIES * 2)
    assert len({photo.product_id for photo in train}) == 20
    assert all(photo.product_id.startswith("train-") for photo in train)


@pytest.mark.parametrize("split", ["test", "train"])
def test_held_out_photos_show_gallery_products_that_nothing_else_does(tmp_path: Path, split: Split) -> None:
    """Neither a query's product nor one that a classifier was trained on, so that scores fitted to them are honest."""
    options = replace(WITH_TRAINING, split=split, products=30)
    dataset = read_dataset(build(tmp_path / "made", Collection(), options, lambda *_: None))
    tables = {}
    for table in ("queries", "train", "val"):
        file = getattr(dataset, table)
        tables[table] = {photo.product_id for photo in read_photos(file, dataset.image_root)}
    gallery = {row.split(",")[1] for row in dataset.catalogue.read_text().splitlines()[1:]}
    assert len(tables["val"]) == 6
    assert tables["val"] <= gallery
    assert not tables["val"] & (tables["queries"] | tables["train"])


def test_a_small_gallery_has_fewer_held_out_photos(tmp_path: Path) -> None:
    """Of 12 products 5 are queries', so 7 are left; that is no fault."""
    dataset = read_dataset(build(tmp_path / "made", Collection(), OPTIONS, lambda *_: None))
    assert dataset.val is not None
    assert len(read_photos(dataset.val, dataset.image_root)) == 7


def test_same_options_give_the_same_files(tmp_path: Path) -> None:
    """Two machines that use the same seed get the same dataset."""
    for name in ("one", "two"):
        build(tmp_path / name, Collection(), OPTIONS, lambda *_: None)
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def test_finished_dataset_is_reused_without_reading_anything(tmp_path: Path) -> None:
    """The second time nothing is done, unless an option differs."""
    collection = Collection()
    build(tmp_path / "made", collection, OPTIONS, lambda *_: None)
    reads = collection.reads
    build(tmp_path / "made", collection, OPTIONS, lambda *_: None)
    assert collection.reads == reads
    build(tmp_path / "made", collection, replace(OPTIONS, seed=4), lambda *_: None)
    assert collection.reads > reads


def test_photo_does_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    """Each photo has its own seed, so a smaller run's photos are among a larger run's."""
    build(tmp_path / "few", Collection(), replace(OPTIONS, queries=3), lambda *_: None)
    build(tmp_path / "many", Collection(), OPTIONS, lambda *_: None)
    few, many = _files(tmp_path / "few/queries"), _files(tmp_path / "many/queries")
    assert few.items() <= many.items()


def test_progress_reaches_the_total(tmp_path: Path) -> None:
    """Every stage counts up to its end."""
    seen: dict[str, tuple[int, int]] = {}
    build(
        tmp_path / "made", Collection(), WITH_TRAINING, lambda stage, done, total: seen.update({stage: (done, total)})
    )
    assert seen == {"gallery": (12, 12), "queries": (5, 5), "train": (20, 20), "val": (6, 6)}


@pytest.mark.parametrize(
    "wrong", [{"products": 41}, {"products": 0}, {"queries": 13}, {"train_photos": 41}, {"val_photos": -1}]
)
def test_more_than_there_is_is_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    """The message says what is possible, and nothing is left behind."""
    with pytest.raises(ValueError, match="must be"):
        build(tmp_path / "made", Collection(), replace(OPTIONS, **wrong), lambda *_: None)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
