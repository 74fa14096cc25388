"""Which held-out photos are used, and what is said about the others."""

from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue import Catalogue, read_catalogue
from services.indexer.heldout import HeldOut, read_held_out


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    """Two bags and a coat."""
    rows = ["1,b1,Bag,1.png", "2,b2,Bag,2.png", "3,c1,Coat,3.png"]
    (tmp_path / "catalogue.csv").write_text("\n".join(["image_id,product_id,category,image_path", *rows]))
    return read_catalogue(tmp_path / "catalogue.csv")


def read(tmp_path: Path, catalogue: Catalogue, *rows: str, missing: str = "", most: int = 100) -> HeldOut:
    """Read a table of those rows, whose files are there but for one."""
    (tmp_path / "val.csv").write_text("\n".join(["photo_path,product_id,category", *rows]))
    for row in rows:
        if row.split(",")[0] != missing:
            (tmp_path / row.split(",")[0]).write_bytes(b"a photo")
    return read_held_out(tmp_path / "val.csv", tmp_path, catalogue, most)


def test_photos_of_what_is_sold_are_used(tmp_path: Path, catalogue: Catalogue) -> None:
    """Several rows of one photo are several products on it; stray spaces do no harm."""
    held_out = read(tmp_path, catalogue, "a.jpg,b1,Bag", "b.jpg, c1 ,Coat ", "a.jpg,b2,Bag", "a.jpg,gone,Bag")
    assert [picture.path.name for picture in held_out.pictures] == ["a.jpg", "b.jpg"]
    assert [picture.row for picture in held_out.pictures] == [0, 1]
    assert held_out.products == [("b1", "b2"), ("c1",)]
    assert held_out.left_out == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x.jpg,,Bag", "no product is named (1 of them, the first x.jpg)"),
        ("x.jpg,b9,Bag", "the catalogue lacks the product (1 of them, the first x.jpg)"),
        ("x.jpg,b1,Hat", "the catalogue has the product in another category (1 of them, the first x.jpg)"),
        ("x.jpg,b1,Coat", "the catalogue has the product in another category (1 of them, the first x.jpg)"),
    ],
)
def test_other_photos_are_left_out_with_the_reason(tmp_path: Path, catalogue: Catalogue, row: str, reason: str) -> None:
    """What the gallery lacks teaches nothing about it, and a wrong label would teach wrong things."""
    held_out = read(tmp_path, catalogue, "a.jpg,b1,Bag", row)
    assert held_out.products == [("b1",)]
    assert held_out.left_out == [reason]


def test_a_missing_file_is_left_out(tmp_path: Path, catalogue: Catalogue) -> None:
    """Places stay without gaps."""
    held_out = read(tmp_path, catalogue, "x.jpg,b1,Bag", "a.jpg,c1,Coat", missing="x.jpg")
    assert [(picture.row, picture.path.name) for picture in held_out.pictures] == [(0, "a.jpg")]
    assert held_out.left_out == [f"No such file or directory (1 of them, the first {tmp_path / 'x.jpg'})"]


def test_a_wrong_root_is_an_error(tmp_path: Path, catalogue: Catalogue) -> None:
    """When none of the photos is there, the root is wrong; better said at once than after a night of embedding."""
    with pytest.raises(CatalogueInvalid, match=r"val\.csv: none of its photos is there: No such file") as caught:
        read(tmp_path, catalogue, "x.jpg,b1,Bag", missing="x.jpg")
    assert caught.value.field == "photos_root"


def test_too_many_photos_are_drawn_by_lot(tmp_path: Path, catalogue: Catalogue) -> None:
    """Always the same ones, in the table's order, and not simply the first."""
    rows = [f"{number:02}.jpg,b1,Bag" for number in range(40)]
    names = [p.path.name for p in read(tmp_path, catalogue, *rows, most=10).pictures]
    assert names == [p.path.name for p in read(tmp_path, catalogue, *rows, most=10).pictures]
    assert len(names) == 10
    assert names == sorted(names)
    assert names != [f"{number:02}.jpg" for number in range(10)]
