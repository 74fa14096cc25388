"""Picture files as arrays, read the way the gateway reads them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.common.errors import ImageTooLarge, ImageUnreadable
from services.photo.intake import read_photo

Pixels = NDArray[np.uint8]

NO_PRODUCT = -100
"""Label of a photo whose product is unknown, or has no gallery picture; torch's losses leave it out by default."""


def read(path: Path, side: int) -> Pixels:
    """Read a picture the way the gateway does, uint8 [side, side, 3] RGB.

    Raises:
        ImageUnreadable, ImageTooLarge: the file is no usable picture; the message names it.
    """
    try:
        return read_photo(path.read_bytes(), least_side=side).pixels(side, side)
    except (ImageUnreadable, ImageTooLarge) as error:
        raise type(error)(f"{path}: {error.message}") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ImageUnreadable(f"{path}: {why}") from error


def load(paths: Sequence[Path], side: int) -> Pixels:
    """Read pictures, uint8 [N, side, side, 3] RGB.

    Raises:
        ImageUnreadable, ImageTooLarge: a file is no usable picture; the message names it.
    """
    pixels = np.empty((len(paths), side, side, 3), np.uint8)
    with ThreadPoolExecutor() as pool:
        for place, picture in enumerate(pool.map(lambda path: read(path, side), paths)):
            pixels[place] = picture
    return pixels
