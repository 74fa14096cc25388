"""A catalogue in memory: read from CSV or Parquet, and refused with file and row when it can't be right."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue_files import RawCatalogue, read_csv, read_parquet
from services.snapshot.manifest import AttributeType
from services.snapshot.tables import KEY_COLUMNS, attributes_of

_NAMES: Final = ("image_id", "product_id", "category")
_CONTROL_CHARACTER: Final = r"\p{Cc}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A checked catalogue.

    Attributes:
        path: its file.
        sha256: digest of the file's bytes.
        table: the key columns first (strings without surrounding blanks, never empty), then the free attributes.
        row_numbers: what people call each row: the line in a CSV file (its header is row 1), or the position in a
            Parquet file, counted from 1.
        is_text: whether free attributes are strings because the file has nothing else, and no types were guessed.
    """

    path: Path
    sha256: str
    table: pa.Table
    row_numbers: list[int]
    is_text: bool = False

    def __len__(self) -> int:
        return len(self.row_numbers)

    def place(self, row: int) -> str:
        """Return file and row for an error message."""
        return f"{self.path.name}, row {self.row_numbers[row]}"

    @property
    def attributes(self) -> dict[str, AttributeType]:
        """The free attributes and their types."""
        return attributes_of(self.table.schema)

    def strings(self, column: str) -> list[str]:
        """Return a key column."""
        values: list[str] = self.table[column].to_pylist()
        return values


def read_catalogue(path: Path, *, guess_types: bool = True) -> Catalogue:
    """Read and check a catalogue (docs/catalogue.md has the schema).

    Args:
        path: a file whose name ends in `.csv` or `.parquet`.
        guess_types: whether to see from a CSV file's values which attributes are numbers; else they stay strings.

    Raises:
        CatalogueInvalid: a file that can't be read, a missing column, an empty or doubled id, one with a control
            character, a product in two categories, a picture's path that leaves the image root, or no rows at all; the
            message names the row.
    """
    readers: dict[str, Callable[[str, bytes], RawCatalogue]] = {
        ".csv": partial(read_csv, is_text=not guess_types),
        ".parquet": read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CatalogueInvalid(f"{path.name}: a catalogue's name ends in .csv or .parquet")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CatalogueInvalid(f"{path}: {error.strerror}") from error
    raw = reader(path.name, content)
    digest = hashlib.sha256(content).hexdigest()
    catalogue = Catalogue(path, digest, _normalised(path.name, raw), raw.row_numbers, raw.is_text)
    if not len(catalogue):
        raise CatalogueInvalid(f"{path.name}: the catalogue has no rows")
    _refuse_empty_values(catalogue)
    _refuse_control_characters(catalogue)
    _refuse_contradictions(catalogue)
    _refuse_paths_outside(catalogue)
    return catalogue


def _normalised(name: str, raw: RawCatalogue) -> pa.Table:
    missing = [column for column in KEY_COLUMNS if column not in raw.table.column_names]
    if missing:
        raise CatalogueInvalid(f"{name}, row 1: column {missing[0]!r} is missing", field=missing[0])
    keys = {column: _trimmed(name, column, raw.table[column]) for column in KEY_COLUMNS}
    attributes = {column: raw.table[column] for column in raw.table.column_names if column not in KEY_COLUMNS}
    return pa.table({**keys, **attributes})


def _trimmed(name: str, column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_floating(values.type):  # 12 read as 12.0 would be another id
        raise CatalogueInvalid(f"{name}: column {column!r} holds {values.type}, not strings", field=column)
    return pc.utf8_trim_whitespace(pc.fill_null(values.cast(pa.string()), ""))


def _refuse_empty_values(catalogue: Catalogue) -> None:
    for column in KEY_COLUMNS:
        row = pc.index(catalogue.table[column], "").as_py()
        if row >= 0:
            raise CatalogueInvalid(f"{catalogue.place(row)}: {column} is empty", field=column)


def _refuse_control_characters(catalogue: Catalogue) -> None:
    """Refuse names that steer a terminal, or break a line of a log, wherever they are shown one day."""
    for column in _NAMES:
        rows = pc.indices_nonzero(pc.match_substring_regex(catalogue.table[column], _CONTROL_CHARACTER))
        if len(rows):
            row = rows[0].as_py()
            name = catalogue.table[column][row].as_py()
            raise CatalogueInvalid(
                f"{catalogue.place(row)}: {column} {name!r} has a control character; leave it out", field=column
            )


def _refuse_contradictions(catalogue: Catalogue) -> None:
    row_of_image: dict[str, int] = {}
    row_of_product: dict[str, int] = {}
    categories = catalogue.strings("category")
    for row, image in enumerate(catalogue.strings("image_id")):
        first = row_of_image.setdefault(image, row)
        if first != row:
            raise CatalogueInvalid(
                f"{catalogue.place(row)}: image_id {image!r} is already in row {catalogue.row_numbers[first]}",
                field="image_id",
            )
    for row, product in enumerate(catalogue.strings("product_id")):
        first = row_of_product.setdefault(product, row)
        if categories[first] != categories[row]:
            # The shards' hits are grouped by product: it must be clear which shard answers for it.
            raise CatalogueInvalid(
                f"{catalogue.place(row)}: product {product!r} is in category {categories[row]!r}, but in "
                f"{categories[first]!r} in row {catalogue.row_numbers[first]}",
                field="category",
            )


def _refuse_paths_outside(catalogue: Catalogue) -> None:
    for row, path in enumerate(catalogue.strings("image_path")):
        if path.startswith("/") or ".." in path.split("/") or "\0" in path:
            raise CatalogueInvalid(
                f"{catalogue.place(row)}: image_path {path!r} leads outside the image root", field="image_path"
            )
