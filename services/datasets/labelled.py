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
from services.photo.labelled import PHOTO_COLUMNS, LabelledPhoto

MANIFEST = "dataset.json"
PHOTO_TABLES = ("queries", "train", "val")
CATALOGUE_COLUMNS = ("image_id", "product_id", "category", "image_path")


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
    except (FileNotFoundError, NotADirectoryError):
        raise CatalogueInvalid(_no_dataset(folder)) from None
    except (ValueError, TypeError) as error:
        raise CatalogueInvalid(f"{path} is not a JSON object: {error}") from error
    except KeyError as error:
        raise CatalogueInvalid(f"{path} lacks {error}", field=str(error.args[0])) from None
    photos = {table: folder / str(manifest[table]) for table in PHOTO_TABLES if manifest.get(table)}
    for table, file in {"catalogue": folder / catalogue, **photos}.items():
        if not file.is_file():
            raise CatalogueInvalid(f"{path} names {file.name}, which does not exist", field=table)
    made_from = manifest.get("made_from", {})
    return Dataset(name, (folder / root).resolve(), folder / catalogue, made_from=made_from, **photos)


def _no_dataset(folder: Path) -> str:
    """Return why a folder is no dataset folder, and which one in it is."""
    if not folder.exists():
        return f"{folder} does not exist"
    inner = min(folder.glob(f"*/{MANIFEST}"), default=None)
    hint = "" if inner is None else f"; did you mean {inner.parent}?"
    return f"{folder} is no dataset folder: it has no {MANIFEST}{hint}"


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
    images = (
        [i.image_id, i.product_id, i.category, i.image_path, *map(i.attributes.__getitem__, attributes)]
        for i in catalogue
    )
    _write_table(folder / "catalogue.csv", [*CATALOGUE_COLUMNS, *attributes], images)
    manifest: dict[str, Any] = {"name": name, "image_root": image_root.as_posix(), "catalogue": "catalogue.csv"}
    for table in PHOTO_TABLES:
        rows = list(photos.get(table, ()))
        if rows:
            manifest[table] = f"{table}.csv"
            write_photos(folder / manifest[table], rows)
    text = json.dumps({**manifest, "made_from": made_from}, indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def write_photos(path: Path, photos: Iterable[LabelledPhoto]) -> None:
    """Write a table of labelled photos."""
    _write_table(path, PHOTO_COLUMNS, ((photo.photo_path, photo.product_id, photo.category) for photo in photos))


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
