"""Tables of labelled photos: what is wrong names its row."""

from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid
from services.photo.labelled import LabelledPhoto, read_photos


def test_a_table_is_read_row_by_row(tmp_path: Path) -> None:
    """Stray spaces and further columns are ignored, and a product may be missing."""
    (tmp_path / "val.csv").write_text("photo_path, note,product_id,category\n a.jpg ,x, p1 , Bag \nb.jpg,,,Shoe\n")
    photos = read_photos(tmp_path / "val.csv", tmp_path)
    assert photos == [LabelledPhoto("a.jpg", "Bag", "p1"), LabelledPhoto("b.jpg", "Shoe")]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("photo_path,product_id\na.jpg,p\n", "row 1: column category"),
        ("photo_path,product_id,category\na.jpg,p,Bag\nb.jpg,p,  \n", "row 3: the category is empty"),
        ("photo_path,product_id,category\n,p,Bag\n", "row 2: the photo path is empty"),
        ("photo_path,product_id,category\n../b.jpg,p,Bag\n", "row 2: ../b.jpg lies outside"),
        ("photo_path,product_id,category\n/etc/b.jpg,p,Bag\n", "row 2: /etc/b.jpg lies outside"),
        ("photo_path,product_id,category\na.jpg,p\n", "row 2: the category is empty"),
        ("photo_path,product_id,category\n\n\na.jpg,p,\n", "row 4: the category is empty"),
        ("photo_path,product_id,category\na.jpg,p,Bags, and more\n", "row 2: more fields than the header has"),
        ("photo_path,product_id,category,category\na.jpg,p,Bag\n", "row 1: column 'category' is there twice"),
        ("photo_path,product_id,category\na\0.jpg,p,Bag\n", "row 2: a\0.jpg lies outside"),
        ("photo_path,product_id,category\n", "has no rows"),
        ("", "row 1: column photo_path, product_id, category"),
    ],
)
def test_faulty_table_names_file_and_row(tmp_path: Path, table: str, words: str) -> None:
    """A person can go to the row that the message names."""
    (tmp_path / "queries.csv").write_text(table)
    with pytest.raises(CatalogueInvalid, match=words.replace(".", r"\.")) as caught:
        read_photos(tmp_path / "queries.csv", tmp_path)
    assert "queries.csv" in caught.value.message


def test_table_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are the file's fault, not ours."""
    (tmp_path / "queries.csv").write_bytes(b"photo_path,product_id,category\n\xff\xfe,p,Bag\n")
    with pytest.raises(CatalogueInvalid, match="UTF-8"):
        read_photos(tmp_path / "queries.csv", tmp_path)


def test_links_in_a_circle_are_for_the_reader_of_photos(tmp_path: Path) -> None:
    """Such a photo is missing like any other; it is no fault of the table."""
    (tmp_path / "a.jpg").symlink_to("a.jpg")
    (tmp_path / "val.csv").write_text("photo_path, product_id ,category\na.jpg,p,Bag\n")
    assert read_photos(tmp_path / "val.csv", tmp_path) == [LabelledPhoto("a.jpg", "Bag", "p")]


@pytest.mark.parametrize(("place", "words"), [("", "is a folder"), ("gone.csv", "does not exist")])
def test_a_place_without_a_table_is_refused(tmp_path: Path, place: str, words: str) -> None:
    """A tree of photos is no table of them."""
    with pytest.raises(CatalogueInvalid, match=words):
        read_photos(tmp_path / place, tmp_path)
