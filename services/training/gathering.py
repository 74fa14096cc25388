"""What training reads from dataset folders: photos, studio pictures, and what is on each of them."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import CatalogueInvalid
from services.datasets.labelled import Dataset, read_photos


@dataclass(frozen=True)
class Pictures:
    """Picture files with what is on them; three lists of length N. Unknown products are empty."""

    paths: list[Path]
    categories: list[str]
    products: list[str]

    def labels(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Return each picture's category as its place in `names`, int64 [N]."""
        places = {name: place for place, name in enumerate(names)}
        return np.array([places[category] for category in self.categories], np.int64)

    def some(self, count: int, seed: int) -> "Pictures":
        """Return `count` pictures drawn at random, or all when there are not more."""
        order = np.random.default_rng(seed).permutation(len(self.paths))[:count]
        return Pictures(*([column[i] for i in order] for column in (self.paths, self.categories, self.products)))


def photos(dataset: Dataset, table: str) -> Pictures:
    """Read the photos of one table (`queries`, `train`, `val`).

    Raises:
        CatalogueInvalid: the dataset lacks the table, or it can't be read.
    """
    file: Path | None = getattr(dataset, table)
    if file is None:
        raise CatalogueInvalid(f"dataset {dataset.name} has no table {table}", field=table)
    rows = read_photos(file, dataset.image_root)
    paths = [dataset.image_root / row.photo_path for row in rows]
    return Pictures(paths, [row.category for row in rows], [row.product_id for row in rows])


def gallery(dataset: Dataset) -> Pictures:
    """Read the studio pictures of the catalogue, which the dataset's adapter wrote."""
    with dataset.catalogue.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    paths = [dataset.image_root / row["image_path"] for row in rows]
    return Pictures(paths, [row["category"] for row in rows], [row["product_id"] for row in rows])


def together(parts: Iterable[Pictures]) -> Pictures:
    """Chain pictures of several tables."""
    every = list(parts)
    return Pictures(
        [path for part in every for path in part.paths],
        [category for part in every for category in part.categories],
        [product for part in every for product in part.products],
    )


def category_names(tables: Iterable[Pictures]) -> list[str]:
    """Return the categories of several tables: table by table, sorted within each, none twice."""
    return list(dict.fromkeys(name for table in tables for name in sorted(set(table.categories))))
