"""Where photos come from, and what can't be sent."""

from pathlib import Path

import pytest

from services.common.errors import AisleError
from services.datasets.labelled import GalleryImage, write_dataset
from services.loadtest.photos import SYNTHETIC_PHOTOS, find_photos, load_photos
from services.loadtest.scenario import Photos
from services.photo.labelled import LabelledPhoto
from tests.support.shoppers import make_shop


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two photos, one of them with two products, and a third whose product nobody knows."""
    photos = [
        LabelledPhoto("photos/0.jpg", "Shoe", "shoe-1"),
        LabelledPhoto("photos/0.jpg", "Hat", "hat-1"),
        LabelledPhoto("photos/1.jpg", "Shoe", ""),
    ]
    make_shop(tmp_path, photos)
    return tmp_path


def test_a_dataset_brings_its_labels(dataset: Path) -> None:
    """Each photo once, with everything on it."""
    source = find_photos(Photos(dataset=dataset), 0)
    assert source.products == (("shoe-1", "hat-1"), ())
    assert source.is_labelled
    assert [len(photo) for photo in load_photos(source)] == [Path(path).stat().st_size for path in source.paths]
    assert not find_photos(Photos(dataset=dataset, recall=False), 0).is_labelled


def test_a_folder_is_searched_to_its_bottom(tmp_path: Path) -> None:
    """Photos only, in an order that does not change."""
    for name in ("b/2.PNG", "a/1.jpg", "a/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    source = find_photos(Photos(folder=tmp_path), 0)
    assert load_photos(source) == [b"a/1.jpg", b"b/2.PNG"]
    assert not source.is_labelled


def test_made_up_photos_are_as_large_as_asked_for_and_differ() -> None:
    """To the byte."""
    source = find_photos(Photos(synthetic_kb=4), 1)
    photos = load_photos(source)
    assert [len(photo) for photo in photos] == [4000] * SYNTHETIC_PHOTOS
    assert len(set(photos)) == len(source) == SYNTHETIC_PHOTOS


def test_a_folder_without_photos_is_refused(tmp_path: Path) -> None:
    """And one that is none."""
    with pytest.raises(AisleError, match="holds no JPEG"):
        find_photos(Photos(folder=tmp_path), 0)
    with pytest.raises(AisleError, match="no folder"):
        find_photos(Photos(folder=tmp_path / "gone"), 0)


def test_a_table_that_is_not_there_is_refused(dataset: Path) -> None:
    """By its name."""
    with pytest.raises(AisleError, match="no table 'val'"):
        find_photos(Photos(dataset=dataset, table="val"), 0)


def test_recall_of_photos_without_products_is_refused(tmp_path: Path) -> None:
    """Categories alone are no labels that hits could be compared with."""
    (tmp_path / "1.jpg").write_bytes(b"photo")
    write_dataset(
        tmp_path,
        name="unlabelled",
        image_root=Path(),
        catalogue=[GalleryImage("1", "shoe-1", "Shoe", "1.jpg")],
        photos={"queries": [LabelledPhoto("1.jpg", "Shoe", "")]},
        made_from={},
    )
    with pytest.raises(AisleError, match="no photo is labelled with a product, and recall is asked for"):
        find_photos(Photos(dataset=tmp_path, recall=True), 0)
    assert not find_photos(Photos(dataset=tmp_path), 0).is_labelled


def test_a_missing_photo_is_found_out_before_the_run(dataset: Path) -> None:
    """Not by a sender in the middle of it."""
    (dataset / "photos/1.jpg").unlink()
    with pytest.raises(AisleError, match=r"1\.jpg"):
        find_photos(Photos(dataset=dataset), 0)
