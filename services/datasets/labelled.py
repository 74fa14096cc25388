"""The dataset folder: `dataset.json`, its catalogue and its tables of labelled photos, written and read.

    dataset.json    name, image_root (absolute or relative to this file), made_from, and the tables' file names
    catalogue.csv   image_id, product_id, category, image_path, then free attributes
    queries.csv     photo_path, product_id (may be empty), category; `train.csv` and `val.csv` look the same

Paths in the tables are relative to `image_root`, with forward slashes.
"""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from services.common.errors import CatalogueInvalid

MANIFEST = "dataset.json"
TABLES = ("catalogue", "queries", "train", "val")
PHOTO_COLUMNS = ("photo_path", "product_id", "category")
CATALOGUE_COLUMNS = ("image_id", "product_id", "category", "image_path")


@dataclass(frozen=True)
class LabelledPhoto:
    """A photo with what is on it; `product_id` is empty where only the category is known."""

    photo_path: str
    category: str
    product_id: str = ""


@dataclass(frozen=True)
class GalleryImage:
    """One row of a catalogue; every row of a catalogue has the same attributes."""

    image_id: str
    product_id: str
    category: str
    image_path: str
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Dataset:
    """A dataset folder as read: absolute paths; a table that the dataset lacks is None."""

    name: str
    image_root: Path
    catalogue: Path
    queries: Path | None = None
    train: Path | None = None
    val: Path | None = None
    made_from: Mapping[str, Any] = field(default_factory=dict)


def read_dataset(folder: Path) -> Dataset:
    """Read a dataset folder's `dataset.json`.

    Raises:
        CatalogueInvalid: the file is missing, no JSON object, lacks a key, or names a table that does not exist.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        name, root, catalogue = (str(manifest[key]) for key in ("name", "image_root", "catalogue"))
    except FileNotFoundError:
        raise CatalogueInvalid(f"{folder} is no dataset folder: it has no {MANIFEST}") from None
    except (ValueError, TypeError) as error:
        raise CatalogueInvalid(f"{path} is not a JSON object: {error}") from error
    except KeyError as error:
        raise CatalogueInvalid(f"{path} lacks {error}", field=str(error.args[0])) from None
    tables = {table: folder / manifest[table] for table in TABLES if manifest.get(table)}
    for table, file in tables.items():
        if not file.is_file():
            raise CatalogueInvalid(f"{path} names {file.name}, which does not exist", field=table)
    others = {table: tables.get(table) for table in TABLES[1:]}
    return Dataset(
        name, (folder / root).resolve(), folder / catalogue, made_from=manifest.get("made_from", {}), **others
    )


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


def write_dataset(
    folder: Path,
    *,
    name: str,
    image_root: PurePosixPath | Path,
    catalogue: Sequence[GalleryImage],
    photos: Mapping[str, Iterable[LabelledPhoto]],
    made_from: Mapping[str, Any],
) -> None:
    """Write a dataset folder's tables, and `dataset.json` last.

    Args:
        folder: an existing folder; see `services.datasets.publishing` for how it gets its final name.
        name: what reports call the dataset.
        image_root: what the tables' paths are relative to; absolute, or relative to `folder`.
        catalogue: the gallery, one row per picture.
        photos: by table name (`queries`, `train`, `val`); empty tables are left out.
        made_from: the adapter and its parameters, kept so that a finished dataset can be recognised.
    """
    attributes = list(catalogue[0].attributes) if catalogue else []
    images = ([i.image_id, i.product_id, i.category, i.image_path, *i.attributes.values()] for i in catalogue)
    _write_table(folder / "catalogue.csv", [*CATALOGUE_COLUMNS, *attributes], images)
    manifest: dict[str, Any] = {"name": name, "image_root": image_root.as_posix(), "catalogue": "catalogue.csv"}
    for table in TABLES[1:]:
        rows = [(photo.photo_path, photo.product_id, photo.category) for photo in photos.get(table, ())]
        if rows:
            manifest[table] = f"{table}.csv"
            _write_table(folder / manifest[table], PHOTO_COLUMNS, rows)
    text = json.dumps({**manifest, "made_from": made_from}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
