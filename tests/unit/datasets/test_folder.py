"""Any folder tree as a dataset."""

from pathlib import Path

import pytest

from services.common.errors import DatasetUnavailable
from services.datasets.folder import prepare
from services.datasets.labelled import LabelledPhoto, read_dataset, read_photos


def _tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
    return root


def test_folders_are_category_and_product(tmp_path: Path) -> None:
    """The paths say what is on the pictures; other files are left alone."""
    gallery = _tree(tmp_path / "shop", "Bag/b1/front.jpg", "Bag/b1/back.PNG", "Bag/b1/notes.txt", "Shoe/s1/x.webp")
    queries = _tree(tmp_path / "seen", "Shoe/s1/phone.jpeg")
    dataset = read_dataset(prepare(tmp_path / "made", gallery, queries))
    rows = dataset.catalogue.read_text().splitlines()[1:]
    assert rows == [
        "Bag/b1/back.PNG,b1,Bag,shop/Bag/b1/back.PNG",
        "Bag/b1/front.jpg,b1,Bag,shop/Bag/b1/front.jpg",
        "Shoe/s1/x.webp,s1,Shoe,shop/Shoe/s1/x.webp",
    ]
    assert dataset.queries is not None
    assert read_photos(dataset.queries, dataset.image_root) == [LabelledPhoto("seen/Shoe/s1/phone.jpeg", "Shoe", "s1")]


def test_queries_are_optional(tmp_path: Path) -> None:
    """A gallery alone can be indexed, not evaluated."""
    gallery = _tree(tmp_path / "shop", "Bag/b1/front.jpg")
    dataset = read_dataset(prepare(tmp_path / "made", gallery))
    assert dataset.queries is None
    assert (dataset.image_root / "Bag/b1/front.jpg").is_file()


def test_tree_without_pictures_says_what_it_needs(tmp_path: Path) -> None:
    """An empty or a flat folder is refused with the layout that is expected."""
    with pytest.raises(DatasetUnavailable, match="<category>/<product>/<image>"):
        prepare(tmp_path / "made", _tree(tmp_path / "flat", "a.jpg"))
