"""Columns of an addition become those of the snapshot where that loses nothing; else they are refused."""

from pathlib import Path

import pyarrow as pa
import pytest

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue import Catalogue
from services.indexer.conforming import as_items_of, path_prefix


def _catalogue(values: pa.Array) -> Catalogue:
    return Catalogue(Path("new.csv"), "", pa.table({"image_id": ["a", "b"], "value": values}), [2, 3])


@pytest.mark.parametrize(
    ("given", "wanted", "expected"),
    [
        (pa.array([1, 2]), pa.int64(), [1, 2]),
        (pa.array([1, 2]), pa.int32(), [1, 2]),
        (pa.array([1, 2]), pa.float64(), [1.0, 2.0]),
        (pa.array([1, None]), pa.string(), ["1", None]),
        (pa.array([1.0, 2.0]), pa.int64(), [1, 2]),
        (pa.array([None, None], pa.string()), pa.float32(), [None, None]),
    ],
)
def test_what_loses_nothing_is_taken(given: pa.Array, wanted: pa.DataType, expected: list[object]) -> None:
    """Ten rows of a CSV file may look like whole numbers by chance; the order of columns does not matter either."""
    schema = pa.schema([("value", wanted), ("image_id", pa.string())])
    table = as_items_of(_catalogue(given), schema)
    assert table.schema == schema
    assert table["value"].to_pylist() == expected


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (pa.array(["1", "2"]), pa.int64()),
        (pa.array([1.5, 2.0]), pa.int64()),
        (pa.array([1.5, 2.0]), pa.string()),
        (pa.array([1, 2**40]), pa.int32()),
    ],
)
def test_what_would_lose_something_is_refused(given: pa.Array, wanted: pa.DataType) -> None:
    """The column and both types are named."""
    schema = pa.schema([("image_id", pa.string()), ("value", wanted)])
    with pytest.raises(
        CatalogueInvalid, match=f"attribute 'value' holds {given.type}, but in the snapshot it is {wanted}"
    ):
        as_items_of(_catalogue(given), schema)


def _text(*words: str | None) -> Catalogue:
    table = pa.table({"image_id": ["a", "b"], "value": pa.array(words, pa.string())})
    return Catalogue(Path("new.csv"), "", table, [2, 3], is_text=True)


@pytest.mark.parametrize(
    ("words", "wanted", "expected"),
    [
        (("1.50", "0x1F"), pa.string(), ["1.50", "0x1F"]),
        (("007", None), pa.string(), ["007", None]),
        (("1", " 2 "), pa.int64(), [1, 2]),
        (("9007199254740993.0", "-2."), pa.int64(), [9007199254740993, -2]),
        (("1", "2.5"), pa.float64(), [1.0, 2.5]),
        (("0.5", None), pa.float32(), [0.5, None]),
        ((None, None), pa.int64(), [None, None]),
    ],
)
def test_words_of_a_text_file_become_what_the_snapshot_has(
    words: tuple[str | None, str | None], wanted: pa.DataType, expected: list[object]
) -> None:
    """Strings to the letter, numbers without a loss; nothing is guessed from the few rows of an addition."""
    schema = pa.schema([("value", wanted), ("image_id", pa.string())])
    assert as_items_of(_text(*words), schema)["value"].to_pylist() == expected


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("1.5", pa.int64()),
        ("0x1F", pa.int64()),
        ("007", pa.int64()),
        ("00.5", pa.float64()),
        ("4294967296", pa.int32()),
        ("cheap", pa.float64()),
    ],
)
def test_a_word_that_is_no_such_number_is_refused_by_its_row(word: str, wanted: pa.DataType) -> None:
    """As it stands in the file."""
    schema = pa.schema([("image_id", pa.string()), ("value", wanted)])
    with pytest.raises(CatalogueInvalid, match=rf"new\.csv, row 3: attribute 'value' is '{word}', but .* {wanted}"):
        as_items_of(_text("1", word), schema)


def test_paths_lead_from_the_snapshot_s_root(tmp_path: Path) -> None:
    """The same root, one inside it, one that nobody knows, and one elsewhere."""
    root = tmp_path.resolve() / "pictures"
    assert path_prefix(root, str(root)) == ""
    assert path_prefix(root / "2026" / "may", str(root)) == "2026/may/"
    assert path_prefix(root, "") == ""
    with pytest.raises(CatalogueInvalid, match="does not lie in"):
        path_prefix(tmp_path / "pictures of may", str(root))
