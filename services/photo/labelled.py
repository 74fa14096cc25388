"""Tables of labelled photos: shoppers' photos, and what is on each of them (docs/catalogue.md)."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.common.errors import CatalogueInvalid

PHOTO_COLUMNS = ("photo_path", "product_id", "category")


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo with what is on it; `product_id` is empty where only the category is known."""

    photo_path: str
    category: str
    product_id: str = ""


def read_photos(table: Path, image_root: Path) -> list[LabelledPhoto]:
    """Read a table of labelled photos; photos are not opened.

    Raises:
        CatalogueInvalid: the file or a column is missing, there is no row, a category is empty, or a path is
            empty or leaves `image_root`; the message names the file and the row (the header is row 1).
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            missing = [column for column in PHOTO_COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise CatalogueInvalid(f"{table}, row 1: column {', '.join(missing)} is missing", field=missing[0])
            photos = [_photo(row, f"{table}, row {number}", image_root) for number, row in enumerate(rows, start=2)]
    except FileNotFoundError:
        raise CatalogueInvalid(f"{table} does not exist") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise CatalogueInvalid(f"{table} is not a CSV file in UTF-8: {error}") from error
    if not photos:
        raise CatalogueInvalid(f"{table} has no rows")
    return photos


def _photo(row: Mapping[str, str | None], where: str, image_root: Path) -> LabelledPhoto:
    path, product_id, category = ((row[column] or "").strip() for column in PHOTO_COLUMNS)
    if not category:
        raise CatalogueInvalid(f"{where}: the category is empty", field="category")
    if not path:
        raise CatalogueInvalid(f"{where}: the photo path is empty", field="photo_path")
    if not (image_root / path).resolve().is_relative_to(image_root.resolve()):
        raise CatalogueInvalid(f"{where}: {path} lies outside of {image_root}", field="photo_path")
    return LabelledPhoto(path, category, product_id)
