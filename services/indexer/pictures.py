"""The catalogue's picture files: where they lie, whether they changed, and their pixels."""

import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import CatalogueInvalid, ImageTooLarge, ImageUnreadable
from services.indexer.catalogue import Catalogue
from services.photo.header import PhotoLimits
from services.photo.intake import Photo, read_photo

_LIMITS = PhotoLimits()


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture file of the catalogue.

    Attributes:
        row: its row in the catalogue.
        path: its file.
        size_bytes: size and
        modified_ns: time of the last change, by which a picture that was replaced is noticed.
    """

    row: int
    path: Path
    size_bytes: int
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A picture that can't be indexed, and why."""

    row: int
    reason: str


def survey(catalogue: Catalogue, image_root: Path) -> tuple[list[Picture], list[Skipped]]:
    """Look at every picture file of a catalogue without opening it.

    Raises:
        CatalogueInvalid: the root is no folder, or a symbolic link leads out of it; the message names the row.
    """
    if not image_root.is_dir():
        raise CatalogueInvalid(f"image root {image_root} is no folder", field="image_root")
    root = image_root.resolve()
    inside: dict[Path, bool] = {}
    pictures, skipped = [], []
    for row, relative in enumerate(catalogue.strings("image_path")):
        path = root / relative
        try:
            linked = path.is_symlink()
            # Resolving each of two million paths takes a minute; their folders are few.
            if path.parent not in inside:
                inside[path.parent] = path.parent.resolve().is_relative_to(root)
            if not inside[path.parent] or (linked and not path.resolve().is_relative_to(root)):
                raise CatalogueInvalid(
                    f"{catalogue.place(row)}: image_path {relative!r} leads outside the image root by a symbolic link",
                    field="image_path",
                )
        except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
            skipped.append(Skipped(row, _explained(error)))
            continue
        looked_at = look_at(row, path)
        if isinstance(looked_at, Picture):
            pictures.append(looked_at)
        else:
            skipped.append(looked_at)
    return pictures, skipped


def look_at(row: int, path: Path) -> Picture | Skipped:
    """Return a picture's file as it is now, without opening it, or why there is none."""
    try:
        status = path.stat()
    except (OSError, RuntimeError) as error:
        return Skipped(row, _explained(error))
    if not stat.S_ISREG(status.st_mode):
        return Skipped(row, "not a regular file")
    return Picture(row, path, status.st_size, status.st_mtime_ns)


def read_pixels(picture: Picture, height: int, width: int) -> NDArray[np.uint8] | Skipped:
    """Return a picture as RGB uint8 `[height, width, 3]`, or why it can't be read."""
    photo = decode(picture, least_side=max(height, width))
    return photo if isinstance(photo, Skipped) else photo.pixels(height, width)


def decode(picture: Picture, least_side: int) -> Photo | Skipped:
    """Return a picture decoded for models whose inputs have at most that side, or why it can't be read."""
    if picture.size_bytes > _LIMITS.max_bytes:  # known before a byte of it takes memory
        return Skipped(picture.row, f"{picture.size_bytes:,} bytes; at most {_LIMITS.max_bytes:,} are accepted")
    try:
        return read_photo(picture.path.read_bytes(), least_side=least_side, limits=_LIMITS)
    except (ImageUnreadable, ImageTooLarge) as error:
        return Skipped(picture.row, error.message)
    except OSError as error:
        return Skipped(picture.row, _explained(error))


def _explained(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
