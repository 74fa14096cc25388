"""A caller's photo as the encoded bytes that are sent."""

import asyncio
import stat
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.client.types import Photo
from services.common.channels import MAX_PHOTO_BYTES
from services.common.errors import ImageTooLarge, ImageUnreadable

# Up to here an array is sent as PNG, so that the models see the very pixels: 12 MB at worst, below the gateway's limit.
# A larger one goes as JPEG, which the gateway can decode smaller at a fraction of the cost.
_LOSSLESS_MAX_PIXELS = 4_000_000
_JPEG_QUALITY = 95
_RGB_CHANNELS = 3


async def encoded(photo: Photo) -> bytes:
    """Return a photo's encoded bytes; file and codec work runs in a thread.

    Raises:
        ImageUnreadable: no such file, one that is no regular file, an array that is not uint8 `(H, W, 3)` or that no
            codec takes, or what is no photo at all.
        ImageTooLarge: more bytes than a gateway takes by default.
    """
    if isinstance(photo, bytes):
        _refuse_too_many(len(photo), "the photo")
        return photo
    if isinstance(photo, np.ndarray):
        return await asyncio.to_thread(_encode, photo)
    if not isinstance(photo, str | PathLike):
        raise ImageUnreadable(
            f"a photo is bytes, a path or an array of pixels, not {type(photo).__name__}", field="image"
        )
    return await asyncio.to_thread(_read, Path(photo))


def _refuse_too_many(size: int, photo: str) -> None:
    # Not left to the gateway: a message over gRPC's limit would end a whole stream, with all its photos.
    if size > MAX_PHOTO_BYTES:
        raise ImageTooLarge(f"{photo} has more than {MAX_PHOTO_BYTES:,} bytes", field="image")


def _read(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would never end, a device neither
            kind = "directory" if stat.S_ISDIR(status.st_mode) else "pipe or device"
            raise ImageUnreadable(f"{path}: a {kind}, not a file", field="image")
        _refuse_too_many(status.st_size, str(path))
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        raise ImageUnreadable(f"{path}: {getattr(error, 'strerror', None) or error}", field="image") from None


def _encode(pixels: NDArray[np.uint8]) -> bytes:
    if pixels.dtype != np.uint8 or pixels.ndim != _RGB_CHANNELS or pixels.shape[2] != _RGB_CHANNELS or not pixels.size:
        raise ImageUnreadable(
            f"an array of pixels is uint8 (H, W, 3) in RGB, not {pixels.dtype} {pixels.shape}", field="image"
        )
    import cv2  # noqa: PLC0415 - callers that send files need no OpenCV

    bgr = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2BGR)
    try:
        if pixels.shape[0] * pixels.shape[1] <= _LOSSLESS_MAX_PIXELS:
            is_encoded, encoded_pixels = cv2.imencode(".png", bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
        else:
            is_encoded, encoded_pixels = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
    except cv2.error:
        is_encoded = False
    if not is_encoded:
        raise ImageUnreadable(f"an array of shape {pixels.shape} can't be encoded: a side is too long", field="image")
    _refuse_too_many(encoded_pixels.size, "the encoded array")
    return encoded_pixels.tobytes()
