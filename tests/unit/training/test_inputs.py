"""Tables that do not fit together: what is left out, stood in for, and said."""

from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid
from services.training.gathering import Pictures
from services.training.inputs import Tables, settle


def _pictures(name: str, *rows: tuple[str, str]) -> Pictures:
    paths = [Path(f"{name}/{number}.jpg") for number in range(len(rows))]
    return Pictures(paths, [category for category, _ in rows], [product for _, product in rows])


GALLERY = _pictures("gallery", ("Bag", "b1"), ("Bag", "b2"), ("Shoe", "s1"))
TRAIN = _pictures("train", *[("Bag", "b1")] * 10, *[("Shoe", "s1")] * 10)
VAL = _pictures("val", ("Bag", "b1"), ("Shoe", "s1"))


def test_tables_that_fit_are_left_as_they_are() -> None:
    """The labels are the catalogue's categories, sorted; there is nothing to say."""
    settled = settle(Tables(TRAIN, VAL, GALLERY), seed=1)
    assert (settled.data.train, settled.data.val) == (TRAIN, VAL)
    assert settled.data.categories == ["Bag", "Shoe"]
    assert settled.warnings == ()


def test_without_a_table_val_photos_are_taken_by_lot() -> None:
    """The same ones for the same seed, none on both sides, and it is said."""
    first, again, other = (settle(Tables(TRAIN, None, GALLERY), seed) for seed in (1, 1, 8))
    assert first == again
    assert first.data.val != other.data.val
    assert sorted([*first.data.train.paths, *first.data.val.paths]) == sorted(TRAIN.paths)
    assert set(first.data.val.categories) == {"Bag", "Shoe"}
    assert "no table val" in first.warnings[0]


def test_what_validates_is_not_learnt_from() -> None:
    """A photo in both tables stays in val only, and it is said."""
    val = Pictures([TRAIN.paths[0], TRAIN.paths[-1]], ["Bag", "Shoe"], ["b1", "s1"])
    settled = settle(Tables(TRAIN, val, GALLERY), seed=1)
    assert settled.data.val == val
    assert settled.data.train.paths == TRAIN.paths[1:-1]
    assert settled.warnings == ("2 rows of train are left out: their photos are in val, to validate with",)


def test_photos_of_categories_that_the_catalogue_lacks_are_left_out() -> None:
    """They are counted and named."""
    train = _pictures("train", *[("Bag", "b1")] * 3, *[("Shoe", "s1")] * 3, ("shoe", "s1"), ("Tent", "t1"))
    settled = settle(Tables(train, VAL, GALLERY), seed=1)
    assert len(settled.data.train) == 6
    said = "2 photos are left out: the catalogue lacks their categories 'Tent', 'shoe'"
    assert settled.warnings == (said,)


def test_a_guess_is_made_where_only_the_case_differs() -> None:
    """Bag and bag are two categories to a program, and one to a person."""
    train = _pictures("train", *[("Bag", "b1")] * 3, *[("Shoe", "s1")] * 3, ("shoe", "s1"))
    assert "did you mean 'Shoe' by 'shoe'?" in settle(Tables(train, VAL, GALLERY), seed=1).warnings[0]


def test_the_catalogues_pictures_stand_in_for_a_category_without_photos() -> None:
    """They teach the category but are no photos of the product; the classifier keeps its label."""
    gallery = _pictures("gallery", ("Bag", "b1"), ("Shoe", "s1"), ("Hat", "h1"), ("Hat", "h2"))
    settled = settle(Tables(TRAIN, VAL, gallery), seed=1)
    hats = settled.data.train.where(category == "Hat" for category in settled.data.train.categories)
    assert (hats.paths, hats.products) == (gallery.paths[2:], ["", ""])
    assert settled.data.categories == ["Bag", "Hat", "Shoe"]
    assert "stand in for 'Hat'" in settled.warnings[-1]


def test_a_category_with_one_photo_is_learnt_and_doubted() -> None:
    """It is never spent on validation."""
    train = _pictures("train", *[("Bag", "b1")] * 10, ("Shoe", "s1"))
    for seed in range(20):
        settled = settle(Tables(train, None, GALLERY), seed)
        assert settled.data.train.categories.count("Shoe") == 1
        assert any("one photo to learn from is too few for 'Shoe'" in warning for warning in settled.warnings)


def test_products_that_the_catalogue_lacks_in_their_category_count_as_unknown() -> None:
    """A photo of an unknown product still teaches its category."""
    train = _pictures("train", *[("Bag", "b1")] * 2, ("Bag", "s1"), ("Bag", "b9"), *[("Shoe", "s1")] * 2)
    settled = settle(Tables(train, VAL, GALLERY), seed=1)
    assert settled.data.train.products == ["b1", "b1", "", "", "s1", "s1"]
    assert settled.warnings[0].startswith("2 photos name products that the catalogue lacks in their category")


def test_no_product_at_all_is_said() -> None:
    """The classifier can be fitted, the embedder not."""
    train, val = (_pictures(name, *[("Bag", "")] * 2, *[("Shoe", "")] * 2) for name in ("train", "val"))
    assert "no photo names its product" in settle(Tables(train, val, GALLERY), seed=1).warnings[0]


@pytest.mark.parametrize(
    ("tables", "words"),
    [
        (Tables(TRAIN, VAL, _pictures("gallery", ("Bag", "b1"))), "nothing to tell apart"),
        (Tables(_pictures("train", *[("Bag", "b1")] * 9), VAL, GALLERY), "too few"),
        (Tables(_pictures("train", ("Bag", "b1"), ("Shoe", "s1")), None, GALLERY), "0 to validate with are too few"),
        (Tables(_pictures("train", *[("Tent", "t")] * 9), VAL, GALLERY), "too few"),
    ],
)
def test_what_can_not_be_learnt_from_is_refused(tables: Tables, words: str) -> None:
    """With the counts that show why."""
    with pytest.raises(CatalogueInvalid, match=words):
        settle(tables, seed=1)
