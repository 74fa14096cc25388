"""The list of pictures that were left out of a build, and the point at which there are too many of them."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue import Catalogue
from services.indexer.pictures import Skipped


class SkipList:
    """Collects unreadable pictures and writes them down."""

    def __init__(self, path: Path, catalogue: Catalogue, max_share: float) -> None:
        """Start an empty list.

        Args:
            path: the CSV file that `write` makes.
            catalogue: what the skipped rows are rows of.
            max_share: share of the catalogue's pictures that may be skipped.
        """
        self.path = path
        self._catalogue = catalogue
        self._max_share = max_share
        self._skipped: list[Skipped] = []

    def __len__(self) -> int:
        return len(self._skipped)

    def add(self, skipped: Iterable[Skipped]) -> None:
        """Take pictures into the list.

        Raises:
            CatalogueInvalid: there are too many now; said at once, not after a night of embedding the rest.
        """
        self._skipped.extend(skipped)
        pictures = len(self._catalogue)
        if len(self._skipped) > self._max_share * pictures:
            first = min(self._skipped, key=lambda one: one.row)
            raise CatalogueInvalid(
                f"{len(self._skipped):,} of {pictures:,} pictures can't be read so far, but at most a share of "
                f"{self._max_share:g} may be unreadable (max_unreadable_share); the first is that of "
                f"{self._catalogue.place(first.row)}: {first.reason}; all of them are in {self.path}",
                field="max_unreadable_share",
            )

    def readable(self) -> NDArray[np.bool_]:
        """Return which rows are not in the list, bool `(rows of the catalogue,)`."""
        readable = np.ones(len(self._catalogue), dtype=np.bool_)
        readable[[one.row for one in self._skipped]] = False
        return readable

    def write(self) -> None:
        """Write the list as CSV: row, image_id, image_path, reason."""
        images, paths = self._catalogue.strings("image_id"), self._catalogue.strings("image_path")
        with self.path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(("row", "image_id", "image_path", "reason"))
            for one in sorted(self._skipped, key=lambda each: each.row):
                number = self._catalogue.row_numbers[one.row]
                writer.writerow((number, images[one.row], paths[one.row], one.reason))
