"""What a picture's header says, read before a single pixel is decoded: the check against decompression bombs.

Pillow reads the header (it knows the formats' corners, and EXIF); OpenCV decodes the pixels (twice as fast, and it
refuses truncated files).
"""

import io
from dataclasses import dataclass

from PIL import ExifTags, Image

from services.common.channels import MAX_PHOTO_BYTES
from services.common.errors import ImageTooLarge, ImageUnreadable
from services.photo.structure import check_structure, most_scans

FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What a picture may measure.

    Attributes:
        max_bytes: encoded size; phone photos of 50 megapixels stay well below 20 MB.
        max_pixels: width times height; a decoded pixel takes 3 bytes, 7 with transparency, 11 with 16 bits besides.
    """

    max_bytes: int = MAX_PHOTO_BYTES
    max_pixels: int = 50_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """A picture's header.

    Attributes:
        format: "JPEG", "PNG" or "WEBP".
        width: pixels, as stored, before the orientation is undone.
        height: pixels, as stored.
        orientation: EXIF orientation, 1 (upright) to 8.
        transparent: whether there is an alpha channel or a transparent colour.
        scans: how often a JPEG goes over its pixels, at most; 1 for others.
    """

    format: str
    width: int
    height: int
    orientation: int
    transparent: bool
    scans: int = 1


def read_header(data: bytes, limits: PhotoLimits) -> Header:
    """Read and check a picture's header.

    Raises:
        ImageUnreadable: no bytes, not a JPEG, PNG or WebP picture, or one built to take long.
        ImageTooLarge: more bytes or pixels than the limits allow.
    """
    if not data:
        raise ImageUnreadable("the photo has no bytes; send a JPEG, PNG or WebP picture", field="image")
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"the photo has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted", field="image"
        )
    check_structure(data)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            # A phone's multi-picture file is a JPEG whose first picture is the photo.
            kind = "JPEG" if picture.format == "MPO" else str(picture.format)
            transparent = "A" in picture.mode or "transparency" in picture.info
            is_too_large = width * height > limits.max_pixels
            orientation = 1 if is_too_large else _orientation(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ImageTooLarge(f"the photo has more than {limits.max_pixels:,} pixels", field="image") from None
    except Exception as error:  # noqa: BLE001 - parsers of hostile bytes raise whatever they like
        raise ImageUnreadable(
            f"the photo is no readable JPEG, PNG or WebP picture ({type(error).__name__})", field="image"
        ) from None
    if is_too_large:
        raise ImageTooLarge(
            f"the photo is {width} x {height}; at most {limits.max_pixels:,} pixels are accepted", field="image"
        )
    return Header(kind, width, height, orientation, transparent, most_scans(data) if kind == "JPEG" else 1)


def _orientation(picture: Image.Image) -> int:
    if picture.format == "PNG" and "exif" not in picture.info:
        return 1  # Pillow would decode all pixels to see whether it comes after them
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - broken EXIF data must not cost the shopper the search
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1  # noqa: PLR2004 - EXIF knows eight
