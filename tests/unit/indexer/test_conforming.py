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


def test_paths_lead_from_the_snapshot_s_root(tmp_path: Path) -> None:
    """The same root, one inside it, one that nobody knows, and one elsewhere."""
    root = tmp_path.resolve() / "pictures"
    assert path_prefix(root, str(root)) == ""
    assert path_prefix(root / "2026" / "may", str(root)) == "2026/may/"
    assert path_prefix(root, "") == ""
    with pytest.raises(CatalogueInvalid, match="does not lie in"):
        path_prefix(tmp_path / "pictures of may", str(root))
