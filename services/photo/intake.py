"""From a photo's bytes to pixels: decode as small as the models allow, undo the rotation, crop, resize."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from services.common.errors import ImageUnreadable
from services.photo.header import Header, PhotoLimits, read_header
from services.photo.region import Region

Pixels = npt.NDArray[np.uint8]

# The name goes into the space id: vectors made with another way from photo to pixels never meet.
PREPROCESSING = "resize-square-1"

_REDUCED_FLAGS = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

_WHITE = 255
_BAND_ROWS = 64


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """What was done to a photo.

    Attributes:
        format: "JPEG", "PNG" or "WEBP".
        width: pixels of the upright picture, before decoding smaller and cropping.
        height: pixels of the upright picture.
        orientation: EXIF orientation that was undone, 1 to 8.
        decode_reduction: 1, 2, 4 or 8: decoded at that fraction of its size.
        cropped: whether a region was cut out.
    """

    format: str
    width: int
    height: int
    orientation: int
    decode_reduction: int
    cropped: bool


@dataclass(frozen=True, slots=True)
class Photo:
    """A decoded photo: upright, cropped, BGR uint8 `[H, W, 3]`, and what was done to get there."""

    picture: Pixels
    report: PhotoReport

    def pixels(self, height: int, width: int) -> Pixels:
        """Return RGB uint8 `[height, width, 3]`, the whole picture squeezed into that shape.

        Squeezing loses no part of the product, which a centre crop would (`docs/decisions`). Whole factors are averaged
        away first, so that nothing aliases; the rest is bilinear, which is six times faster than averaging all the way.
        """
        squeezed = cv2.resize(_average_down(self.picture, height, width), (width, height))
        return np.asarray(cv2.cvtColor(squeezed, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def read_photo(
    data: bytes, *, region: Region | None = None, least_side: int = 224, limits: PhotoLimits | None = None
) -> Photo:
    """Check and decode a photo, as `read_header` and `decode_photo` do one after the other.

    Raises:
        ImageUnreadable: no bytes, no picture, truncated or damaged.
        ImageTooLarge: more bytes or pixels than the limits allow.
    """
    header = read_header(data, limits or PhotoLimits())
    return decode_photo(data, header, region=region, reduction=reduction_of(header, region, least_side))


def reduction_of(header: Header, region: Region | None, least_side: int) -> int:
    """Return how much smaller to decode a photo: 1, 2, 4 or 8 times.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size (scaled inverse DCT) as long as what is left of the region has
    at least `least_side` pixels each way: 12 megapixels cost 25 ms instead of 120 ms and 1/64 of the memory.

    Args:
        header: the picture's header.
        region: the part that is wanted, in the upright picture; all of it when None.
        least_side: the side in pixels of the largest model input that will be asked for.
    """
    if header.transparent or header.format != "JPEG":
        return 1  # only JPEG decodes smaller for less work
    width, height = _upright_size(header)
    if region is not None:
        width, height = int(width * (region.x_max - region.x_min)), int(height * (region.y_max - region.y_min))
    return next((factor for factor in (8, 4, 2) if min(width, height) >= factor * least_side), 1)


def decode_photo(data: bytes, header: Header, *, region: Region | None, reduction: int) -> Photo:
    """Decode a photo whose header was read.

    Args:
        data: the encoded picture.
        header: its header.
        region: the part that is wanted, in the upright picture; all of it when None.
        reduction: as `reduction_of` says.

    Raises:
        ImageUnreadable: truncated or damaged.
    """
    picture = _orient(_decode(data, header, reduction), header.orientation)
    if region is not None:
        left, upper, right, lower = region.box(picture.shape[1], picture.shape[0])
        picture = picture[upper:lower, left:right]
    width, height = _upright_size(header)
    report = PhotoReport(header.format, width, height, header.orientation, reduction, region is not None)
    return Photo(picture, report)


def _upright_size(header: Header) -> tuple[int, int]:
    turned = header.orientation >= 5  # noqa: PLR2004 - EXIF: 5 to 8 swap width and height
    return (header.height, header.width) if turned else (header.width, header.height)


def _decode(data: bytes, header: Header, reduction: int) -> Pixels:
    encoded = np.frombuffer(data, np.uint8)
    flags = cv2.IMREAD_UNCHANGED if header.transparent else _REDUCED_FLAGS[reduction]
    try:
        decoded = cv2.imdecode(encoded, flags | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        decoded = None
    if decoded is None:
        raise ImageUnreadable(f"the {header.format} photo is truncated or damaged", field="image")
    picture: Pixels = _flatten(decoded) if header.transparent else np.asarray(decoded, dtype=np.uint8)
    return picture


def _flatten(decoded: npt.NDArray[Any]) -> Pixels:
    """Lay a picture with transparency on white, as a shop's page shows it; grey, and without alpha, is fine too.

    It works in bands: blended whole, 50 megapixels took a gigabyte of intermediate results.
    """
    if decoded.ndim == 2:  # noqa: PLR2004 - grey
        return np.asarray(cv2.cvtColor(_eight_bit(decoded), cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if decoded.shape[2] == 3:  # noqa: PLR2004 - no alpha after all
        return _eight_bit(decoded)
    flat = np.empty((*decoded.shape[:2], 3), np.uint8)
    for row in range(0, len(decoded), _BAND_ROWS):
        band = _eight_bit(decoded[row : row + _BAND_ROWS])
        alpha = band[:, :, 3:].astype(np.uint16)
        flat[row : row + _BAND_ROWS] = (band[:, :, :3] * alpha + _WHITE * (_WHITE - alpha) + _WHITE // 2) // _WHITE
    return flat


def _eight_bit(decoded: npt.NDArray[Any]) -> Pixels:
    return (decoded >> 8).astype(np.uint8) if decoded.dtype == np.uint16 else decoded


def _orient(picture: Pixels, orientation: int) -> Pixels:
    """Undo the EXIF orientation (Exif 3.0, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        picture = np.asarray(cv2.transpose(picture), dtype=np.uint8)
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return picture if flip is None else np.asarray(cv2.flip(picture, flip), dtype=np.uint8)


def _average_down(picture: Pixels, height: int, width: int) -> Pixels:
    """Average blocks of pixels so that at least `height` x `width` are left; the rest of a block is cut off."""
    factor = min(picture.shape[0] // height, picture.shape[1] // width)
    if factor < 2:  # noqa: PLR2004 - nothing to average
        return picture
    rows, columns = picture.shape[0] // factor, picture.shape[1] // factor
    whole = picture[: rows * factor, : columns * factor]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), dtype=np.uint8)
