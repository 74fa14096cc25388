"""The start of every fit: tables, features of all pictures, and what can't be read left out."""

import csv
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from services.common.errors import CatalogueInvalid, FailedPrecondition
from services.datasets.labelled import Dataset
from services.training.base import Base
from services.training.features import FeatureBank, Progress, extract
from services.training.gathering import Pictures, together
from services.training.inputs import Settled, read_tables, settle

MAX_UNREADABLE_SHARE = 0.01
"""More unreadable pictures than this are no accident: most likely the image root is wrong."""

UNREADABLE = "unreadable.csv"
_LEAST_SPREAD = 1e-5  # of a feature; less is rounding


@dataclass(frozen=True)
class Prepared:
    """What a way can start with.

    Attributes:
        settled: the photos that remain.
        bank: their features.
        folder: for unfinished work; of these very pictures, base and recipe. The features are kept beside it, where
            the other way finds them too.
        unreadable: how many pictures were left out; the file `unreadable.csv` in `folder` lists them.
    """

    settled: Settled
    bank: FeatureBank
    folder: Path
    unreadable: int


def prepare(
    dataset: Dataset, base: Base, recipe: Mapping[str, Any], *, seed: int, work: Path, progress: Progress
) -> Prepared:
    """Read a dataset's tables and pictures, or take up what an interrupted run has read of them.

    Args:
        dataset: with a catalogue and a table `train`.
        base: whose backbone makes the features.
        recipe: everything that the way to come depends on, for its folder.
        seed: decides which photos validate when there is no table `val`.
        work: folder of all unfinished work.
        progress: told how far it is.

    Raises:
        CatalogueInvalid: the tables can't be fitted to, too many pictures can't be read, or all look the same.
    """
    tables = read_tables(dataset)
    settled = settle(tables, seed)  # refuse before half a minute of features what can be refused now
    shared = work / _digest_of_pictures(together([tables.taken(), tables.gallery]), base)
    split = [len(tables.train), None if tables.val is None else len(tables.val)]
    features, folder = shared / "features", shared / _digest(json.dumps([split, recipe], sort_keys=True))
    for needed in (features, folder):
        needed.mkdir(parents=True, exist_ok=True)
    backbone = features / "backbone.onnx"
    unfinished = backbone.with_suffix(f".{os.getpid()}.part")  # another way may be reading the file
    onnx.save(base.backbone, str(unfinished))
    unfinished.replace(backbone)
    photos, shown = dict.fromkeys(tables.taken().paths), dict.fromkeys(tables.gallery.paths)
    bank = extract(backbone, base.side, list(photos), list(shown), folder=features, progress=progress)
    if bank.unreadable:
        _refuse_too_many(bank.unreadable, len(photos) + len(shown), folder / UNREADABLE)
        settled = settle(tables.without(bank.unreadable), seed)
    _refuse_one_sight(settled.data.train, bank)
    return Prepared(settled, bank, folder, len(bank.unreadable))


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep other fits out of a folder of unfinished work; a process that is killed lets go of it.

    Raises:
        FailedPrecondition: another fit is at the same work.
    """
    with (folder / "lock").open("w", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FailedPrecondition(
                f"another fit of the same photos is at work in {folder}: let it end, or give this one another --work"
            ) from None
        yield


def _refuse_one_sight(train: Pictures, bank: FeatureBank) -> None:
    """Refuse photos that all look the same: nothing can be learnt from them."""
    if not len(train) or np.ptp(bank.of(train), axis=0).max() < _LEAST_SPREAD:
        raise CatalogueInvalid(
            f"the {len(train):,} photos to learn from all look the same to the embedder: are they what they should be?"
        )


def _refuse_too_many(unreadable: Mapping[str, str], pictures: int, file: Path) -> None:
    """List the unreadable pictures in a file, and refuse when they are too many."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("path", "reason"))
        writer.writerows(unreadable.items())
    if len(unreadable) > MAX_UNREADABLE_SHARE * pictures:
        raise CatalogueInvalid(
            f"{len(unreadable):,} of {pictures:,} pictures can't be read, but at most a share of "
            f"{MAX_UNREADABLE_SHARE:g} may be; the first is {next(iter(unreadable.values()))}; all are in {file}"
        )


def _digest_of_pictures(pictures: Pictures, base: Base) -> str:
    """Return a name that changes with any picture or label, and with the base."""
    rows = zip(pictures.paths, pictures.categories, pictures.products, strict=True)
    facts = [[str(path), category, product, *_state(path)] for path, category, product in rows]
    return _digest(json.dumps([base.info.sha256, facts]))


def _state(path: Path) -> tuple[int, ...]:
    """Return what shows that a file was replaced; nothing for a file that is missing."""
    try:
        status = path.stat()
    except (OSError, ValueError):  # ValueError: a null byte
        return ()
    return status.st_size, status.st_mtime_ns


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
