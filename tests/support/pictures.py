"""Encoded pictures for the tests of photo intake."""

import io

import numpy as np
from PIL import Image


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """Return a smooth picture whose four corners differ, so that every flip and turn shows."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    channels = np.stack((255 * x, 255 * y, 255 * (1 - x) * (1 - y)), axis=-1)
    return Image.fromarray(channels.astype(np.uint8), "RGB")


def encoded(picture: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """Return the picture as bytes of that format."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def with_orientation(picture: Image.Image, orientation: int, kind: str = "JPEG") -> bytes:
    """Return the picture's bytes with an EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(picture, kind, exif=exif.tobytes())
