"""What training reads from dataset folders."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
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


def test_a_catalogue_that_can_not_be_indexed_is_not_learnt_from(dataset: Dataset) -> None:
    """Before an hour of training, not after it."""
    dataset.catalogue.write_bytes(b"image_id,image_path,category,product_id\ni,a.png,Shoe,1\nj,b.png,Bag,1\n")
    with pytest.raises(CatalogueInvalid, match="row 3: product '1' is in category 'Bag', but in 'Shoe' in row 2"):
        gallery(dataset)


def test_a_catalogue_in_parquet_is_learnt_from(dataset: Dataset) -> None:
    """Whatever can be indexed can."""
    columns = {"image_id": ["i"], "product_id": ["s1"], "category": ["Shoe"], "image_path": ["g/s1.png"]}
    parquet = dataset.catalogue.with_suffix(".parquet")
    pq.write_table(pa.table(columns), parquet)
    assert gallery(replace(dataset, catalogue=parquet)) == gallery(dataset)
