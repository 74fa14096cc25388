"""What training reads from dataset folders."""

from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid
from services.datasets.labelled import Dataset, GalleryImage, read_dataset, write_dataset
from services.photo.labelled import LabelledPhoto
from services.training.gathering import gallery, photos, together


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Two training photos and one studio picture."""
    rows = [LabelledPhoto("a.jpg", "Shoe", "s1"), LabelledPhoto("b.jpg", "Bag")]
    images = [GalleryImage("i", "s1", "Shoe", "g/s1.png")]
    write_dataset(tmp_path, name="d", image_root=Path(), catalogue=images, photos={"train": rows}, made_from={})
    return read_dataset(tmp_path)


def test_tables_become_pictures(dataset: Dataset) -> None:
    """Paths are absolute, labels follow the order of the names."""
    train, shown = photos(dataset, "train"), gallery(dataset)
    assert train.paths == [dataset.image_root / "a.jpg", dataset.image_root / "b.jpg"]
    assert shown.products == ["s1"]
    assert together([train, shown]).categories == ["Shoe", "Bag", "Shoe"]
    assert train.labels(["Bag", "Shoe"]).tolist() == [1, 0]


def test_some_draws_without_repeating(dataset: Dataset) -> None:
    """A draw of more than there is is all there is."""
    train = photos(dataset, "train")
    assert sorted(train.some(10, seed=1).categories) == ["Bag", "Shoe"]
    assert len(train.some(1, seed=1).paths) == 1


def test_missing_table_is_named(dataset: Dataset) -> None:
    """A dataset without validation photos can't be validated with."""
    with pytest.raises(CatalogueInvalid, match="has no table val"):
        photos(dataset, "val")


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (
            b"image_path,category,product_id\na.png,Shoe,1\nb.png,Bag,1\n",
            "row 3: product '1' is in 'Bag'",
        ),
        (b"image_path,category,product_id\na.png,,1\n", "row 2: category is missing or empty"),
        (b"image_path,category\na.png,Shoe\n", "row 2: product_id is missing or empty"),
        (b"image_path,category,product_id\n../a.png,Shoe,1\n", "row 2: image_path '../a.png' leads outside"),
        (b"image_path,category,product_id\na\0.png,Shoe,1\n", "leads outside the image root"),
        (b"PAR1\xff\xfe", "is not a CSV file in UTF-8"),
        (b"image_path,category,product_id\n", "has no rows"),
    ],
)
def test_a_catalogue_that_can_not_be_learnt_from_is_refused(dataset: Dataset, contents: bytes, words: str) -> None:
    """Before an hour of training, not after it; the message names file and row."""
    dataset.catalogue.write_bytes(contents)
    with pytest.raises(CatalogueInvalid, match=words):
        gallery(dataset)
