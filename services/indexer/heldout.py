"""Held-out photos: shoppers' photos of products in the catalogue, kept out of the gallery so that it can be tried."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.common.errors import CatalogueInvalid
from services.indexer.catalogue import Catalogue
from services.indexer.pictures import Picture, Skipped, look_at
from services.photo.labelled import LabelledPhoto, by_photo, read_photos

MOST_PHOTOS = 2_000
"""More photos than this teach hardly more, and cost 20 ms each."""

_SEED = 20


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Photos to try the gallery with.

    Attributes:
        table: the file that names them.
        pictures: their files; each one's `row` is its place here.
        products: what is on each photo: products of the catalogue, at least one.
        left_out: the photos of the table that can't be used, one line per reason.
    """

    table: Path
    pictures: Sequence[Picture]
    products: Sequence[tuple[str, ...]]
    left_out: Sequence[str]


def read_held_out(table: Path, root: Path, catalogue: Catalogue, most: int = MOST_PHOTOS) -> HeldOut:
    """Read a table of labelled photos, and choose by lot at most `most` of those that show products of the catalogue.

    Rows of one photo are several products on it. A photo without a product, of a product that the catalogue lacks, or
    of another category than its product's is left out, and so is one whose file is missing.

    Args:
        table: CSV file (docs/catalogue.md).
        root: folder that its paths are relative to.
        catalogue: what is sold.
        most: photos to use.

    Raises:
        CatalogueInvalid: a faulty table, as `read_photos` says; or of the photos that could be used, none is there.
    """
    reasons = _Reasons()
    usable: list[tuple[Path, tuple[str, ...]]] = []
    category_of = dict(zip(catalogue.strings("product_id"), catalogue.strings("category"), strict=True))
    for photo, labels in by_photo(read_photos(table, root)).items():
        faults = [_fault(label, category_of) for label in labels]
        products = dict.fromkeys(label.product_id for label, fault in zip(labels, faults, strict=True) if not fault)
        if products:
            usable.append((root / photo, tuple(products)))
        else:
            reasons.add(faults[0], photo)
    pictures: list[Picture] = []
    shown: list[tuple[str, ...]] = []
    for path, on_it in _lot(usable, most):
        looked_at = look_at(len(pictures), path)
        if isinstance(looked_at, Skipped):
            reasons.add(looked_at.reason, str(path))
        else:
            pictures.append(looked_at)
            shown.append(on_it)
    if usable and not pictures:
        raise CatalogueInvalid(
            f"{table}: none of its photos is there: {reasons.lines()[-1]}; is {root} the folder that their paths are "
            "relative to?",
            field="photos_root",
        )
    return HeldOut(table, pictures, shown, reasons.lines())


def _fault(label: LabelledPhoto, category_of: dict[str, str]) -> str:
    """Return why a label can't be used; nothing when it can."""
    if not label.product_id:
        return "no product is named"
    category = category_of.get(label.product_id)
    if category is None:
        return "the catalogue lacks the product"
    return "" if category == label.category else "the catalogue has the product in another category"


def _lot(photos: list[tuple[Path, tuple[str, ...]]], most: int) -> list[tuple[Path, tuple[str, ...]]]:
    if len(photos) <= most:
        return photos
    drawn = np.random.default_rng(_SEED).permutation(len(photos))[:most]
    return [photos[place] for place in sorted(drawn.tolist())]


class _Reasons:
    """Counts what is left out, by reason, with the first photo of each."""

    def __init__(self) -> None:
        self._photos: dict[str, list[str]] = {}

    def add(self, reason: str, photo: str) -> None:
        self._photos.setdefault(reason, []).append(photo)

    def lines(self) -> list[str]:
        return [f"{reason} ({len(photos):,} of them, the first {photos[0]})" for reason, photos in self._photos.items()]
