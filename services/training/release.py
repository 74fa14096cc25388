"""Writes a fit's model repository: both models, their cards and the record, in one step."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import InvalidArgument
from services.common.replacing import replaced_in_one_step
from services.models.golden import golden_picture
from services.photo.intake import PREPROCESSING
from services.training.base import EMBEDDER, Base
from services.training.fit_cards import classifier_card, embedder_card
from services.training.record import FitRecord, to_json
from services.training.repository import EMBEDDER_SERVING, ModelEntry, write_entry
from services.training.sessions import run

# How far another machine's answers may be off: float32 sums in another order; int8 kernels differ more.
_TOLERANCE = {False: 5e-3, True: 5e-2}
_DIGITS = 8


@dataclass(frozen=True)
class Release:
    """The files to publish; `embedder` is None when the base's entry is copied as it is."""

    classifier: Path
    embedder: Path | None
    base: Base


def refuse_existing(repository: Path, *, replace: bool) -> None:
    """Refuse to touch what lies where the repository is to go.

    Raises:
        InvalidArgument: something is there, and it may not be replaced, or is no model repository; or no folder can
            be made there.
    """
    above = next(folder for folder in repository.absolute().parents if folder.exists())
    if not above.is_dir() or not os.access(above, os.W_OK):
        raise InvalidArgument(f"nothing can be written into {above}: choose another place", field="--out")
    if repository.is_symlink() and not repository.exists():
        raise InvalidArgument(f"{repository} is a link to nothing: choose another place", field="--out")
    if not repository.exists() or (repository.is_dir() and not any(repository.iterdir())):
        return
    if not any(repository.glob("*/config.pbtxt")):
        raise InvalidArgument(f"{repository} exists and is no model repository: choose another place", field="--out")
    if not replace:
        raise InvalidArgument(f"{repository} exists: choose another place, or replace it with --replace", field="--out")


def version_of(file: Path, kind: str) -> str:
    """Return a model's version: its kind and the first digits of its file's SHA-256, so that no two fits share one."""
    return f"{kind}-{hashlib.sha256(file.read_bytes()).hexdigest()[:_DIGITS]}"


def publish(repository: Path, release: Release, record: FitRecord, categories: Sequence[str], *, replace: bool) -> None:
    """Write the repository; an older one is replaced as a whole.

    Raises:
        InvalidArgument: another fit has put its own there meanwhile, and it may not be replaced.
    """
    refuse_existing(repository, replace=replace)
    with replaced_in_one_step(repository.absolute()) as fresh:
        labels = json.dumps(list(categories), ensure_ascii=False)
        facts = record.classifier
        write_entry(
            fresh,
            ModelEntry(
                name="classifier",
                onnx=release.classifier,
                side=facts.side,
                output="probabilities",
                golden=_golden(release.classifier, facts.side),
                tolerance=_TOLERANCE[facts.quantised is not None],
                card=classifier_card(record),
                parameters={"model_version": facts.version, "preprocessing": PREPROCESSING, "labels": labels},
                record=to_json(record),
            ),
        )
        if release.embedder is None:
            shutil.copytree(release.base.folder, fresh / EMBEDDER)
            return
        write_entry(
            fresh,
            ModelEntry(
                name=EMBEDDER,
                onnx=release.embedder,
                side=record.embedder.side,
                output="embedding",
                golden=_golden(release.embedder, record.embedder.side),
                tolerance=_TOLERANCE[record.embedder.quantised is not None],
                card=embedder_card(record),
                parameters={"model_version": record.embedder.version, "preprocessing": PREPROCESSING},
                serving=EMBEDDER_SERVING,
            ),
        )


def _golden(file: Path, side: int) -> NDArray[np.float32]:
    return np.asarray(run(file, golden_picture(side, side)[None])[0], np.float32)
