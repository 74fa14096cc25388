"""What training reads from dataset folders: photos, studio pictures, and what is on each of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import CatalogueInvalid
from services.datasets.labelled import Dataset
from services.indexer.catalogue import read_catalogue
from services.photo.labelled import read_photos


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

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.paths)

    def at(self, places: Iterable[int]) -> "Pictures":
        """Return the pictures at some places, in that order."""
        order = list(places)
        paths, categories, products = self.paths, self.categories, self.products
        return Pictures([paths[i] for i in order], [categories[i] for i in order], [products[i] for i in order])

    def where(self, keep: Iterable[bool]) -> "Pictures":
        """Return the pictures for which `keep`, N answers, is true."""
        return self.at(place for place, kept in enumerate(keep) if kept)

    def some(self, count: int, seed: int) -> "Pictures":
        """Return `count` pictures drawn at random, or all when there are not more."""
        return self.at(np.random.default_rng(seed).permutation(len(self))[:count].tolist())


def photos(dataset: Dataset, table: str) -> Pictures:
    """Read the photos of one table (`queries`, `train`, `val`).

    Raises:
        CatalogueInvalid: the dataset lacks the table, or it can't be read.
    """
    file: Path | None = getattr(dataset, table)
    if file is None:
        raise CatalogueInvalid(
            f"dataset {dataset.name} has no table {table}: make it with labelled photos (`aisle dataset folder "
            "--help`, or `aisle dataset fashion-mnist --train-photos 20000`)",
            field=table,
        )
    rows = read_photos(file, dataset.image_root)
    paths = [dataset.image_root / row.photo_path for row in rows]
    return Pictures(paths, [row.category for row in rows], [row.product_id for row in rows])


def gallery(dataset: Dataset) -> Pictures:
    """Read the studio pictures of the catalogue.

    Raises:
        CatalogueInvalid: the catalogue could not be indexed either, as `read_catalogue` says.
    """
    catalogue = read_catalogue(dataset.catalogue)
    paths = [dataset.image_root / path for path in catalogue.strings("image_path")]
    return Pictures(paths, catalogue.strings("category"), catalogue.strings("product_id"))


def together(parts: Iterable[Pictures]) -> Pictures:
    """Chain pictures of several tables."""
    every = list(parts)
    return Pictures(
        [path for part in every for path in part.paths],
        [category for part in every for category in part.categories],
        [product for part in every for product in part.products],
    )
