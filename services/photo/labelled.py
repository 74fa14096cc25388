"""Tables of labelled photos: shoppers' photos, and what is on each of them (docs/catalogue.md)."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.common.errors import CatalogueInvalid

PHOTO_COLUMNS = ("photo_path", "product_id", "category")
_TOO_MANY = "\0"  # no column can be called that


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo with what is on it; `product_id` is empty where only the category is known."""

    photo_path: str
    category: str
    product_id: str = ""


def read_photos(table: Path, image_root: Path) -> list[LabelledPhoto]:
    """Read a table of labelled photos; photos are not opened.

    Raises:
        CatalogueInvalid: the file or a column is missing, is there twice, there is no row, a row is longer than
            the header, a category is empty, or a path is empty or leaves `image_root`; the message names the file and
            the row (the header is row 1).
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines, restkey=_TOO_MANY)
            columns = [column.strip() for column in rows.fieldnames or ()]
            missing = [column for column in PHOTO_COLUMNS if column not in columns]
            if missing:
                raise CatalogueInvalid(f"{table}, row 1: column {', '.join(missing)} is missing", field=missing[0])
            twice = next((column for column in PHOTO_COLUMNS if columns.count(column) > 1), "")
            if twice:
                raise CatalogueInvalid(f"{table}, row 1: column {twice!r} is there twice", field=twice)
            rows.fieldnames = columns
            photos = list(_photos(rows, table, image_root))
    except FileNotFoundError:
        raise CatalogueInvalid(f"{table} does not exist") from None
    except IsADirectoryError:
        raise CatalogueInvalid(f"{table} is a folder, not a table of photos") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CatalogueInvalid(f"{table} is not a CSV file in UTF-8: {error}") from error
    if not photos:
        raise CatalogueInvalid(f"{table} has no rows")
    return photos


def by_photo(rows: Iterable[LabelledPhoto]) -> dict[str, list[LabelledPhoto]]:
    """Return each photo's rows by its path, in order; several rows of one photo are several things on it."""
    labels: dict[str, list[LabelledPhoto]] = {}
    for row in rows:
        labels.setdefault(row.photo_path, []).append(row)
    return labels


def _photos(rows: "csv.DictReader[str]", table: Path, image_root: Path) -> Iterator[LabelledPhoto]:
    """Yield the photos; a row's number is the line where it ends, as an editor shows it."""
    root = image_root.resolve()
    for row in rows:
        where = f"{table}, row {rows.line_num}"
        if _TOO_MANY in row:
            raise CatalogueInvalid(f"{where}: more fields than the header has; a field with a comma needs quotes")
        yield _photo(row, where, root)


def _photo(row: Mapping[str, str | None], where: str, image_root: Path) -> LabelledPhoto:
    path, product_id, category = ((row[column] or "").strip() for column in PHOTO_COLUMNS)
    if not category:
        raise CatalogueInvalid(f"{where}: the category is empty", field="category")
    if not path:
        raise CatalogueInvalid(f"{where}: the photo path is empty", field="photo_path")
    if not _is_inside(image_root, path):
        raise CatalogueInvalid(f"{where}: {path} lies outside of {image_root}", field="photo_path")
    return LabelledPhoto(path, category, product_id)


def _is_inside(image_root: Path, path: str) -> bool:
    """Tell whether a path stays below its root, links followed; one that leads nowhere does if its words do."""
    try:
        return (image_root / path).resolve().is_relative_to(image_root)
    except RuntimeError:  # links in a circle: no photo, which is for the reader of photos to say
        return not path.startswith("/") and ".." not in path.split("/")
    except ValueError:  # a null byte, which no path can have
        return False
