"""A caller's photo as the encoded bytes that are sent."""

import asyncio
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from services.common.channels import MAX_MESSAGE_BYTES
from services.common.errors import ImageTooLarge, ImageUnreadable

Photo: TypeAlias = bytes | str | Path | NDArray[np.uint8]
"""Encoded bytes (JPEG, PNG, WebP), the path of such a file, or RGB pixels uint8 `(H, W, 3)`."""

# Up to here an array is sent as PNG, so that the models see the very pixels: 12 MB at worst, below the gateway's limit.
# A larger one goes as JPEG, which the gateway can decode smaller at a fraction of the cost.
_LOSSLESS_MAX_PIXELS = 4_000_000
_JPEG_QUALITY = 95
_RGB_CHANNELS = 3


async def encoded(photo: Photo) -> bytes:
    """Return a photo's encoded bytes; file and codec work runs in a thread.

    Raises:
        ImageUnreadable: no such file, or an array that is not uint8 `(H, W, 3)`.
        ImageTooLarge: a file too large to be sent at all. (The gateway's own, lower limit is the gateway's to check.)
    """
    if isinstance(photo, bytes):
        return photo
    if isinstance(photo, np.ndarray):
        return await asyncio.to_thread(_encode, photo)
    return await asyncio.to_thread(_read, Path(photo))


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_MESSAGE_BYTES:
            raise ImageTooLarge(f"{path}: {size:,} bytes are too many for a photo", field="image")
        return path.read_bytes()
    except OSError as error:
        raise ImageUnreadable(f"{path}: {error.strerror or error}", field="image") from None


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    if pixels.dtype != np.uint8 or pixels.ndim != _RGB_CHANNELS or pixels.shape[2] != _RGB_CHANNELS or not pixels.size:
        raise ImageUnreadable(
            f"an array of pixels is uint8 (H, W, 3) in RGB, not {pixels.dtype} {pixels.shape}", field="image"
        )
    import cv2  # noqa: PLC0415 - callers that send files need no OpenCV

    bgr = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR)
    if pixels.shape[0] * pixels.shape[1] <= _LOSSLESS_MAX_PIXELS:
        _, encoded_pixels = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    else:
        _, encoded_pixels = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    return encoded_pixels.tobytes()
