"""Features of picture files by a frozen model, kept in chunks on disk, so that an interrupted run goes on."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from services.common.cores import available_cores
from services.common.errors import ImageTooLarge, ImageUnreadable
from services.training.gathering import Pictures
from services.training.photos import Pixels, read
from services.training.sessions import open_session

Progress = Callable[[str, int, int], None]
"""Told the stage, what is done of it, and its total."""

Features = NDArray[np.float32]
_CHUNK = 64
_BATCH = 16


@dataclass(frozen=True)
class FeatureBank:
    """Features of the pictures that could be read, and why the others could not.

    Attributes:
        plain: by path, float32 [F].
        mirrored: the same of the mirror image; catalogue pictures have none.
        unreadable: by path, the reason.
    """

    plain: dict[str, Features]
    mirrored: dict[str, Features]
    unreadable: dict[str, str]

    def of(self, pictures: Pictures) -> Features:
        """Return the features of pictures, float32 [N, F]."""
        return np.stack([self.plain[str(path)] for path in pictures.paths])

    def with_mirrors(self, pictures: Pictures) -> Features:
        """Return the features of pictures and then of their mirror images, float32 [2 N, F]."""
        paths = [str(path) for path in pictures.paths]
        return np.stack([*(self.plain[path] for path in paths), *(self.mirrored.get(p, self.plain[p]) for p in paths)])


def extract(
    model: Path, side: int, photos: Sequence[Path], gallery: Sequence[Path], *, folder: Path, progress: Progress
) -> FeatureBank:
    """Run a model over pictures, or take up what an earlier run left in `folder`.

    Args:
        model: answers `features` to `pixels` uint8 [N, side, side, 3].
        side: of the pictures, pixels.
        photos: whose mirror images are wanted too.
        gallery: whose are not.
        folder: of these very pictures and this very model, nothing else.
        progress: told how far it is.
    """
    session = open_session(model, available_cores())
    bank = FeatureBank({}, {}, {})
    total, done = len(photos) + len(gallery), 0
    for name, paths, mirror in (("photos", photos, True), ("gallery", gallery, False)):
        for start in range(0, len(paths), _CHUNK):
            part = paths[start : start + _CHUNK]
            file = folder / f"{name}-{start:07d}.npz"
            chunk = _kept(file)
            if chunk is None:
                chunk = _chunk(session, side, part, mirror=mirror)
                _write(file, chunk)
            _take(bank, [str(path) for path in part], chunk["features"], chunk["reasons"].tolist(), mirror=mirror)
            done += len(part)
            progress("features", done, total)
    return bank


def _chunk(
    session: onnxruntime.InferenceSession, side: int, paths: Sequence[Path], *, mirror: bool
) -> dict[str, NDArray[Any]]:
    """Return `features` of the readable pictures, [n, F] or [n, 2, F], and a reason per picture, empty if readable."""
    with ThreadPoolExecutor(available_cores()) as pool:
        found = list(pool.map(lambda path: _read(path, side), paths))
    pixels = [picture for picture in found if not isinstance(picture, str)]
    views = [view for picture in pixels for view in ((picture, picture[:, ::-1]) if mirror else (picture,))]
    parts = [
        session.run(None, {"pixels": np.stack(views[start : start + _BATCH])})[0]
        for start in range(0, len(views), _BATCH)
    ]
    features = np.concatenate(parts) if parts else np.zeros((0, 1), np.float32)
    reasons = np.array([answer if isinstance(answer, str) else "" for answer in found], np.str_)
    return {"features": features.reshape(len(pixels), 2 if mirror else 1, features.shape[-1]), "reasons": reasons}


def _read(path: Path, side: int) -> Pixels | str:
    try:
        return read(path, side)
    except (ImageUnreadable, ImageTooLarge) as error:
        return error.message


def _kept(file: Path) -> dict[str, NDArray[Any]] | None:
    """Return what an earlier run wrote; None where there is nothing, or what a power cut left of it."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as chunk:
            return {name: chunk[name] for name in ("features", "reasons")}
    except (FileNotFoundError, EOFError, KeyError, ValueError, BadZipFile):
        return None


def _write(file: Path, arrays: dict[str, NDArray[Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")  # another fit may be at the same chunk
    try:
        with part.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def _take(bank: FeatureBank, paths: Sequence[str], features: Features, reasons: Sequence[str], *, mirror: bool) -> None:
    rows = iter(features)
    for path, reason in zip(paths, reasons, strict=True):
        if reason:
            bank.unreadable[path] = reason
            continue
        row = next(rows)
        bank.plain[path] = row[0]
        if mirror:
            bank.mirrored[path] = row[1]
