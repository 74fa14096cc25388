"""The Grocery Store dataset (Klasson et al., WACV 2019, MIT licence) as a dataset folder.

Gallery: one studio ("iconic") picture for each of 81 products; queries: the photos of `test.txt`, taken with
smartphones in shops; `train` and `val` likewise. The category is the dataset's coarse class. Pictures stay in place.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.common.errors import DatasetUnavailable
from services.datasets.labelled import GalleryImage, write_dataset
from services.datasets.publishing import folder_in_one_step
from services.photo.labelled import LabelledPhoto

HOMEPAGE = "https://github.com/marcusklasson/GroceryStoreDataset"


@dataclass(frozen=True)
class _Class:
    """One row of `classes.csv`."""

    product: str
    category: str
    iconic: str


def prepare(target: Path, source: Path) -> Path:
    """Make the dataset folder `target` from the dataset at `source`.

    Args:
        target: is made, or replaced.
        source: the authors' repository, or its folder `dataset`, which holds `classes.csv`.

    Raises:
        DatasetUnavailable: `source` is not that folder, or a file of it can't be understood.
    """
    if (source / "dataset" / "classes.csv").is_file():
        source = source / "dataset"
    classes = _read_classes(source)
    catalogue = [
        GalleryImage(f"{c.product}-iconic", c.product, c.category, c.iconic, {"department": _department(c)})
        for c in classes.values()
    ]
    splits = {"queries": "test.txt", "train": "train.txt", "val": "val.txt"}
    photos = {table: _read_photos(source, file, classes) for table, file in splits.items()}
    with folder_in_one_step(target) as folder:
        write_dataset(
            folder,
            name="grocery",
            image_root=source.resolve(),
            catalogue=catalogue,
            photos=photos,
            made_from={"adapter": "grocery", "source": str(source.resolve())},
        )
    return target


def _department(product: _Class) -> str:
    """The studio pictures lie in `iconic-.../<department>/<category>/...`."""
    return product.iconic.split("/")[1]


def _rows(source: Path, name: str) -> list[list[str]]:
    try:
        with (source / name).open(encoding="utf-8", newline="") as file:
            return [row for row in csv.reader(file, skipinitialspace=True) if row]
    except OSError as error:
        raise DatasetUnavailable(
            f"{source} is not the Grocery Store dataset: {name} can't be read ({error.strerror}). "
            f"Clone {HOMEPAGE} and give the path of its folder `dataset`"
        ) from error


def _read_classes(source: Path) -> dict[str, _Class]:
    """Read `classes.csv` by class id: name, id, coarse name, coarse id, path of the studio picture, description."""
    try:
        return {row[1]: _Class(row[0], row[2], row[4].lstrip("/")) for row in _rows(source, "classes.csv")[1:]}
    except IndexError:
        raise DatasetUnavailable(
            f"{source / 'classes.csv'} has other columns than the Grocery Store dataset's"
        ) from None


def _read_photos(source: Path, name: str, classes: dict[str, _Class]) -> Sequence[LabelledPhoto]:
    photos = []
    for number, row in enumerate(_rows(source, name), start=1):
        if len(row) < 2 or row[1] not in classes:  # noqa: PLR2004 - path and class id
            raise DatasetUnavailable(f"{source / name}, row {number}: no known class id in {', '.join(row)}")
        product = classes[row[1]]
        photos.append(LabelledPhoto(row[0], product.category, product.product))
    return photos
