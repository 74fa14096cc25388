"""The Grocery Store adapter on a folder of the authors' layout."""

from pathlib import Path

import pytest

from services.common.errors import DatasetUnavailable
from services.datasets.grocery import prepare
from services.datasets.labelled import read_dataset
from services.photo.labelled import LabelledPhoto, read_photos

_CLASSES = """Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),Iconic Image Path (str),Text
Royal-Gala,4,Apple,0,/iconic/Fruit/Apple/Royal-Gala/Royal-Gala_Iconic.jpg,/x.txt
Leek,9,Leek,2,/iconic/Vegetables/Leek/Leek_Iconic.jpg,/y.txt
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A dataset of two products."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    (folder / "classes.csv").write_text(_CLASSES)
    for split in ("train", "val", "test"):
        (folder / f"{split}.txt").write_text(f"{split}/Fruit/1.jpg, 4, 0\n{split}/Vegetables/2.jpg, 9, 2\n")
    return folder


def test_classes_become_the_gallery_and_test_photos_the_queries(source: Path, tmp_path: Path) -> None:
    """Coarse classes are the categories, the top folder is an attribute, pictures stay where they are."""
    dataset = read_dataset(prepare(tmp_path / "made", source))
    assert dataset.image_root == source.resolve()
    rows = dataset.catalogue.read_text().splitlines()
    assert rows[1] == "Royal-Gala-iconic,Royal-Gala,Apple,iconic/Fruit/Apple/Royal-Gala/Royal-Gala_Iconic.jpg,Fruit"
    assert dataset.queries is not None
    queries = read_photos(dataset.queries, dataset.image_root)
    assert queries[1] == LabelledPhoto("test/Vegetables/2.jpg", "Leek", "Leek")
    assert dataset.train is not None
    assert dataset.val is not None


def test_the_repository_itself_will_do(source: Path, tmp_path: Path) -> None:
    """Its folder `dataset` is found."""
    repository = tmp_path / "repository"
    repository.mkdir()
    source.rename(repository / "dataset")
    folder = prepare(tmp_path / "grocery", repository)
    assert read_dataset(folder).image_root == (repository / "dataset").resolve()


def test_wrong_folder_says_which_is_right(tmp_path: Path) -> None:
    """The message has the file that is missing and where to get it."""
    with pytest.raises(DatasetUnavailable, match=r"classes\.csv.*GroceryStoreDataset"):
        prepare(tmp_path / "made", tmp_path)


def test_unknown_class_names_the_row(source: Path, tmp_path: Path) -> None:
    """A photo of a class that classes.csv lacks is pointed at."""
    (source / "val.txt").write_text("val/1.jpg, 4, 0\nval/2.jpg, 77, 0\n")
    with pytest.raises(DatasetUnavailable, match=r"val\.txt, row 2"):
        prepare(tmp_path / "made", source)
