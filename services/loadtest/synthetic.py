"""Made-up photos: JPEG files of a chosen size, to the byte, with as many pixels as a phone's photo of that size has."""

import io
from math import sqrt
from typing import Final

import numpy as np
from PIL import Image

_BYTES_PER_PIXEL: Final = 0.2  # a phone's JPEG of quality 80 or so
_FINEST, _COARSEST = 95, 5
_COMMENT: Final = b"\xff\xfe"
_MOST_COMMENT_BYTES: Final = 65_537  # marker, two bytes of length, and what the length can say
_LEAST_COMMENT_BYTES: Final = 4


def synthetic_jpeg(size_bytes: int, seed: int) -> bytes:
    """Return a decodable colour JPEG of exactly this size.

    The finest quality that fits is taken, and comments fill the rest.

    Args:
        size_bytes: at least 2,000.
        seed: decides the picture.

    Raises:
        ValueError: it can't be that small.
    """
    picture = _picture(max(16, round(sqrt(size_bytes / _BYTES_PER_PIXEL))), seed)
    fits = [
        encoded for quality in range(_COARSEST, _FINEST + 1, 5) if _fits(encoded := _jpeg(picture, quality), size_bytes)
    ]
    if not fits:
        raise ValueError(f"no picture has only {size_bytes:,} bytes")
    encoded = fits[-1]
    return encoded[:2] + _comments(size_bytes - len(encoded)) + encoded[2:]


def _fits(encoded: bytes, size_bytes: int) -> bool:
    left = size_bytes - len(encoded)
    return left == 0 or left >= _LEAST_COMMENT_BYTES


def _picture(side: int, seed: int) -> Image.Image:
    """Return soft colours with some grain: flat areas and noise alone are both unlike a photo to a decoder."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(256, size=(8, 8, 3), dtype=np.uint8))
    soft = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.int16)
    grain = rng.normal(0.0, 6.0, size=(side, side, 1)).astype(np.int16)
    return Image.fromarray(np.clip(soft + grain, 0, 255).astype(np.uint8))


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=quality)
    return encoded.getvalue()


def _comments(size_bytes: int) -> bytes:
    """Return comment segments of this many bytes in all."""
    parts = list[bytes]()
    while size_bytes:
        length = min(size_bytes, _MOST_COMMENT_BYTES)
        if 0 < size_bytes - length < _LEAST_COMMENT_BYTES:
            length -= _LEAST_COMMENT_BYTES
        parts.append(_COMMENT + (length - 2).to_bytes(2, "big") + bytes(length - _LEAST_COMMENT_BYTES))
        size_bytes -= length
    return b"".join(parts)
