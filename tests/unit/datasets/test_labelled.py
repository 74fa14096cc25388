"""Dataset folders and tables of labelled photos: what is written is read, what is wrong names its row."""

import json
from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid
from services.datasets.labelled import GalleryImage, read_dataset, write_dataset
from services.photo.labelled import LabelledPhoto, read_photos

PHOTOS = [LabelledPhoto("q/1.jpg", "Shoes, boots", "p1"), LabelledPhoto("q/2.jpg", "Bag")]


def _write(folder: Path) -> None:
    gallery = [GalleryImage("i1", "p1", "Shoes, boots", "g/1.png", {"shade": "dark"})]
    write_dataset(
        folder, name="shop", image_root=Path(), catalogue=gallery, photos={"queries": PHOTOS}, made_from={"seed": 1}
    )


def test_written_dataset_is_read_back(tmp_path: Path) -> None:
    """Names with commas survive, empty products too, and tables that were not written are None."""
    _write(tmp_path)
    dataset = read_dataset(tmp_path)
    assert (dataset.name, dataset.image_root, dataset.made_from) == ("shop", tmp_path.resolve(), {"seed": 1})
    assert dataset.queries is not None
    assert read_photos(dataset.queries, dataset.image_root) == PHOTOS
    assert dataset.train is None


def test_catalogue_has_the_attributes_as_columns(tmp_path: Path) -> None:
    """The catalogue is a plain CSV file."""
    _write(tmp_path)
    lines = (tmp_path / "catalogue.csv").read_text().splitlines()
    assert lines == ["image_id,product_id,category,image_path,shade", 'i1,p1,"Shoes, boots",g/1.png,dark']


def test_what_is_no_dataset_folder_is_told_apart(tmp_path: Path) -> None:
    """One that is not there, and one that holds the one that was meant."""
    with pytest.raises(CatalogueInvalid, match="none does not exist"):
        read_dataset(tmp_path / "none")
    (tmp_path / "demo" / "dataset").mkdir(parents=True)
    _write(tmp_path / "demo" / "dataset")
    with pytest.raises(CatalogueInvalid, match=r"demo is no dataset folder: .* did you mean .*demo/dataset\?"):
        read_dataset(tmp_path / "demo")


@pytest.mark.parametrize(
    ("manifest", "words"),
    [
        (None, "no dataset folder"),
        ("{", "not a JSON object"),
        ("[1]", "not a JSON object"),
        (json.dumps({"name": "x", "image_root": "."}), "lacks 'catalogue'"),
        (json.dumps({"name": "x", "image_root": ".", "catalogue": "no.csv"}), "names no.csv, which does not exist"),
    ],
)
def test_faulty_manifest_is_refused(tmp_path: Path, manifest: str | None, words: str) -> None:
    """Each fault of dataset.json has its own words."""
    if manifest is not None:
        (tmp_path / "dataset.json").write_text(manifest)
    with pytest.raises(CatalogueInvalid, match=words):
        read_dataset(tmp_path)
