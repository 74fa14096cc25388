"""The golden picture: drawn by integer arithmetic, so that every machine sends the same pixels to a model."""

import numpy as np
from numpy.typing import NDArray

GOLDEN_PICTURE = "golden-1"
_TILES = 8


def golden_picture(height: int, width: int) -> NDArray[np.uint8]:
    """Draw the picture named `GOLDEN_PICTURE`: two ramps, a chequerboard and a fine texture in every channel.

    A golden answer is only worth something for these very pixels: to change them is to name another picture.

    Args:
        height: rows, at least 1.
        width: columns, at least 1.

    Returns:
        RGB pixels, uint8 ``(height, width, 3)``.
    """
    row, column = np.mgrid[0:height, 0:width].astype(np.int64)
    down, across = row * 192 // height, column * 192 // width
    tile = (row * _TILES // height + column * _TILES // width) % 2
    texture = (row * row + 3 * column) % 64
    channels = (down + texture, across + texture, 192 * tile + texture)
    return np.stack(channels, axis=-1).astype(np.uint8)
