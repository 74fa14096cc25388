"""Any folder tree as a dataset."""

from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid
from services.datasets.folder import SHARES, prepare
from services.datasets.labelled import read_dataset
from services.photo.labelled import LabelledPhoto, read_photos


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
    dataset = read_dataset(prepare(tmp_path / "made", gallery, {"queries": queries}))
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


def test_a_tree_for_each_table(tmp_path: Path) -> None:
    """What is learnt from and what is judged by may come from two cameras."""
    gallery = _tree(tmp_path / "shop", "Bag/b1/front.jpg")
    trees = {name: _tree(tmp_path / name, f"Bag/b1/{name}.jpg") for name in ("train", "val")}
    dataset = read_dataset(prepare(tmp_path / "made", gallery, trees))
    assert dataset.queries is None
    for name, table in (("train", dataset.train), ("val", dataset.val)):
        assert table is not None
        assert [photo.photo_path for photo in read_photos(table, dataset.image_root)] == [f"{name}/Bag/b1/{name}.jpg"]


def test_one_tree_is_split_by_lot_and_no_photo_comes_twice(tmp_path: Path) -> None:
    """Every photo is in one table, in about the stated shares, and the seed decides which."""
    gallery = _tree(tmp_path / "shop", "Bag/b1/front.jpg", "Shoe/s1/front.jpg")
    photos = _tree(
        tmp_path / "seen", *(f"{kind}/{number:02}.jpg" for kind in ("Bag/b1", "Shoe/s1") for number in range(20))
    )
    made = [
        read_dataset(prepare(tmp_path / name, gallery, photos, seed=seed))
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    names = [
        {
            table: {photo.photo_path for photo in read_photos(getattr(dataset, table), dataset.image_root)}
            for table in SHARES
        }
        for dataset in made
    ]
    assert {table: len(found) for table, found in names[0].items()} == {"train": 24, "val": 6, "queries": 10}
    assert len(set().union(*names[0].values())) == 40
    assert names[0] == names[1] != names[2]


def test_photos_may_lack_a_product(tmp_path: Path) -> None:
    """A photo right in its category's folder is of no known product; blanks around names are dropped."""
    gallery = _tree(tmp_path / "shop", "Bag/b1/front.jpg")
    train = _tree(tmp_path / "train", "Bag /1.jpg", "Bag/ b1/2.jpg")
    dataset = read_dataset(prepare(tmp_path / "made", gallery, {"train": train}))
    assert dataset.train is not None
    found = {(photo.category, photo.product_id) for photo in read_photos(dataset.train, dataset.image_root)}
    assert found == {("Bag", ""), ("Bag", "b1")}


def test_tree_without_pictures_says_what_it_needs(tmp_path: Path) -> None:
    """An empty or a flat folder is refused with the layout that is expected."""
    with pytest.raises(CatalogueInvalid, match="<category>/<product>/<image>"):
        prepare(tmp_path / "made", _tree(tmp_path / "flat", "a.jpg"))


def test_folders_that_are_called_like_pictures_are_none(tmp_path: Path) -> None:
    """Not even among photos that lie right in their category's folder."""
    gallery = _tree(tmp_path / "shop", "Bag/b1/front.jpg", "Bag/b1/back.jpg/notes.txt")
    train = _tree(tmp_path / "train", "Bag/b2.jpg/1.jpg")
    dataset = read_dataset(prepare(tmp_path / "made", gallery, {"train": train}))
    assert len(dataset.catalogue.read_text().splitlines()) == 2
    assert dataset.train is not None
    assert read_photos(dataset.train, dataset.image_root) == [LabelledPhoto("train/Bag/b2.jpg/1.jpg", "Bag", "b2.jpg")]


@pytest.mark.parametrize(
    ("name", "words"), [(" /b1/front.jpg", "can't be blank"), ("Bag/caf\udce9/front.jpg", "is not UTF-8")]
)
def test_names_that_are_no_labels_are_refused(tmp_path: Path, name: str, words: str) -> None:
    """Before a table is written with them."""
    with pytest.raises(CatalogueInvalid, match=words):
        prepare(tmp_path / "made", _tree(tmp_path / "shop", "Bag/b1/front.jpg", name))
    assert not (tmp_path / "made").exists()
