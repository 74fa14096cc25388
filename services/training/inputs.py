"""From tables of photos to what a fit learns from: what does not fit together is left out or stood in for, and said."""

import difflib
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from services.common.errors import CatalogueInvalid
from services.datasets.labelled import Dataset
from services.datasets.splitting import by_lot
from services.training.fitted import TrainingData
from services.training.gathering import Pictures, gallery, photos, together

VAL_SHARE = 0.15
"""Of the labelled photos, when the dataset has no table `val`."""

_LEAST_CATEGORIES = 2
_NAMED = 5  # names in a message before it only counts


@dataclass(frozen=True)
class Tables:
    """A dataset's tables as read; `val` is None when there is none."""

    train: Pictures
    val: Pictures | None
    gallery: Pictures

    def taken(self) -> Pictures:
        """Return all photos."""
        return together(table for table in (self.train, self.val) if table is not None)

    def without(self, lost: Collection[str]) -> "Tables":
        """Return the tables without the pictures of these paths."""

        def rest(table: Pictures) -> Pictures:
            return table.where(str(path) not in lost for path in table.paths)

        return Tables(rest(self.train), None if self.val is None else rest(self.val), rest(self.gallery))


@dataclass(frozen=True)
class Settled:
    """What can be fitted, and what its owner should know about it, one sentence each."""

    data: TrainingData
    warnings: tuple[str, ...]


def read_tables(dataset: Dataset) -> Tables:
    """Read the tables that a fit needs.

    Raises:
        CatalogueInvalid: there is no table `train`, or a table can't be read; the message names file and row.
    """
    val = photos(dataset, "val") if dataset.val is not None else None
    return Tables(photos(dataset, "train"), val, gallery(dataset))


def settle(tables: Tables, seed: int) -> Settled:
    """Make the tables fit together.

    The classifier's labels are the catalogue's categories. Photos of other categories are left out; what validates is
    not learnt from; the catalogue's own pictures stand in for a category without photos; products that the catalogue
    lacks count as unknown.

    Raises:
        CatalogueInvalid: what remains can't be learnt from or judged by; the message says what is missing.
    """
    categories = sorted(set(tables.gallery.categories))
    if len(categories) < _LEAST_CATEGORIES:
        raise CatalogueInvalid(f"the catalogue has {len(categories)} category: there is nothing to tell apart")
    warnings, catalogued = _about_foreign_categories(tables, categories), set(categories)
    kept = {
        name: table.where(category in catalogued for category in table.categories)
        for name, table in (("train", tables.train), ("val", tables.val))
        if table is not None
    }
    if "val" in kept:
        judges = set(kept["val"].paths)
        warnings += _about_photos_in_both(kept["train"], judges)
        kept["train"] = kept["train"].where(path not in judges for path in kept["train"].paths)
    known = set(zip(tables.gallery.categories, tables.gallery.products, strict=True))
    warnings += _about_products(together(kept.values()), known)
    kept = {name: _with_known_products(table, known) for name, table in kept.items()}
    train, val = (kept["train"], kept["val"]) if "val" in kept else _split(kept["train"], seed)
    if "val" not in kept:
        warnings.append(f"there is no table val: {len(val):,} photos were taken from train by lot, to validate with")
    learnt = set(train.categories)
    if not len(val) or len(learnt) < _LEAST_CATEGORIES:
        raise CatalogueInvalid(
            f"{len(train):,} photos of {len(learnt)} of the catalogue's categories to learn from and "
            f"{len(val):,} to validate with are too few: needed are at least {_LEAST_CATEGORIES} categories and 1 photo"
        )
    warnings += _about_rare_categories(train, categories)
    stand_ins = tables.gallery.where(category not in learnt for category in tables.gallery.categories)
    stand_ins = replace(stand_ins, products=[""] * len(stand_ins))  # they are no shopper's photos of the product
    return Settled(TrainingData(together([train, stand_ins]), val, tables.gallery, categories), tuple(warnings))


def _split(train: Pictures, seed: int) -> tuple[Pictures, Pictures]:
    """Take validation photos from each category by lot; a category's only photo is to learn from."""
    counts = Counter(train.categories)
    parts = by_lot(train.categories, (1 - VAL_SHARE, VAL_SHARE), seed)
    taken = np.array([counts[category] > 1 for category in train.categories], np.bool_) & (parts == 1)
    return train.where(~taken), train.where(taken)


def _with_known_products(table: Pictures, known: Collection[tuple[str, str]]) -> Pictures:
    pairs = zip(table.categories, table.products, strict=True)
    return replace(table, products=[pair[1] if pair in known else "" for pair in pairs])


def _about_foreign_categories(tables: Tables, categories: list[str]) -> list[str]:
    counts = Counter(tables.taken().categories)
    foreign = sorted(set(counts) - set(categories))
    if not foreign:
        return []
    number = sum(counts[name] for name in foreign)
    close = difflib.get_close_matches(foreign[0].casefold(), [name.casefold() for name in categories], n=1)
    alike = next((name for name in categories if close and name.casefold() == close[0]), None)
    hint = f" (did you mean {alike!r} by {foreign[0]!r}?)" if alike else ""
    return [f"{number:,} photos are left out: the catalogue lacks their categories {_names(foreign)}{hint}"]


def _about_photos_in_both(train: Pictures, judges: Collection[Path]) -> list[str]:
    both = sum(path in judges for path in train.paths)
    return [f"{both:,} rows of train are left out: their photos are in val, to validate with"] if both else []


def _about_products(taken: Pictures, known: Collection[tuple[str, str]]) -> list[str]:
    pairs = list(zip(taken.categories, taken.products, strict=True))
    if not any(product for _, product in pairs):
        return ["no photo names its product: the embedder can't be adapted, nor judged"]
    lost = [product for category, product in pairs if product and (category, product) not in known]
    if not lost:
        return []
    what = f"{len(lost):,} photos name products that the catalogue lacks in their category"
    return [f"{what}, and count as of no known product: {_names(sorted(set(lost)))}"]


def _about_rare_categories(train: Pictures, categories: list[str]) -> list[str]:
    counts = Counter(train.categories)
    single = [name for name in categories if counts[name] == 1]
    none = [name for name in categories if counts[name] == 0]
    warnings = []
    if single:
        warnings.append(f"one photo to learn from is too few for {_names(single)}: expect little there")
    if none:
        warnings.append(
            f"no photo to learn from: the catalogue's own pictures stand in for {_names(none)}, and shoppers' photos "
            "will be told apart badly there"
        )
    return warnings


def _names(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED:,} more"
