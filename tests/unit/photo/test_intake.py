"""Photo intake against Pillow as the oracle, and against what hostile or careless callers send."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, PngImagePlugin

from services.common.errors import AisleError, ImageTooLarge, ImageUnreadable
from services.photo.header import PhotoLimits, read_header
from services.photo.intake import _flatten, read_photo
from services.photo.region import Region
from tests.support.pictures import encoded, scene, with_orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_undone(orientation: int) -> None:
    """The pixels equal Pillow's own transposition for each of EXIF's eight orientations."""
    data = with_orientation(scene(), orientation)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert expected is not None
    photo = read_photo(data)
    assert photo.report.orientation == orientation
    assert (photo.report.width, photo.report.height) == expected.size
    pixels = photo.pixels(expected.height, expected.width)
    assert np.abs(pixels.astype(int) - np.asarray(expected).astype(int)).max() <= 2


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_orientation_is_undone_in_other_formats_too(kind: str) -> None:
    """PNG and WebP carry EXIF as well."""
    photo = read_photo(with_orientation(scene(96, 64), 6, kind))
    assert (photo.report.width, photo.report.height) == (64, 96)
    assert photo.picture.shape == (96, 64, 3)


@pytest.mark.parametrize(
    ("size", "reduction"), [((223, 500), 1), ((448, 448), 2), ((895, 900), 2), ((896, 900), 4), ((4000, 3000), 8)]
)
def test_jpeg_is_decoded_as_small_as_the_model_allows(size: tuple[int, int], reduction: int) -> None:
    """Never below the model's side, and never larger than it has to be."""
    photo = read_photo(encoded(scene(*size)), least_side=224)
    assert photo.report.decode_reduction == reduction
    assert photo.report.width == size[0]
    assert min(photo.picture.shape[:2]) >= min(224, *size)


def test_reduced_decoding_shows_the_same_picture() -> None:
    """A large photo decoded small equals the same photo decoded whole and then resized."""
    large = scene(1800, 1800)
    small = read_photo(encoded(large), least_side=224).pixels(224, 224)
    whole = read_photo(encoded(large, "PNG")).pixels(224, 224)
    assert np.abs(small.astype(int) - whole.astype(int)).mean() < 1.5


def test_region_is_cut_from_the_upright_picture() -> None:
    """The region speaks of what the shopper sees, not of how the sensor lay."""
    upright = read_photo(encoded(scene(100, 80), "PNG"), region=Region(0.5, 0.0, 1.0, 0.5))
    turned_bytes = with_orientation(scene(100, 80).transpose(Image.Transpose.ROTATE_90), 6, "PNG")
    turned = read_photo(turned_bytes, region=Region(0.5, 0.0, 1.0, 0.5))
    assert upright.picture.shape == (40, 50, 3)
    assert np.array_equal(upright.picture, turned.picture)


def test_region_keeps_the_reduction_small_enough() -> None:
    """A small region of a large photo is not decoded below the model's side."""
    photo = read_photo(encoded(scene(2000, 2000)), region=Region(0.4, 0.4, 0.6, 0.6), least_side=224)
    assert photo.report.decode_reduction == 1
    assert photo.picture.shape[0] == pytest.approx(400, abs=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_becomes_white(mode: str) -> None:
    """A cut-out studio picture lies on white, not on whatever colour hides behind its alpha."""
    picture = Image.new("RGBA", (32, 32), (10, 20, 30, 0)).convert(mode)
    options = {"transparency": 0} if mode == "P" else {}
    assert read_photo(encoded(picture, "PNG", **options)).pixels(8, 8).min() >= 250


@pytest.mark.parametrize("mode", ["L", "CMYK", "1"])
def test_other_colour_models_are_read(mode: str) -> None:
    """Grey, print and bilevel pictures become RGB."""
    kind = "PNG" if mode == "1" else "JPEG"
    assert read_photo(encoded(scene().convert(mode), kind)).pixels(8, 8).shape == (8, 8, 3)


def test_sixteen_bit_png_is_read() -> None:
    """A 16-bit grey PNG keeps its brightness."""
    grey = Image.fromarray(np.full((16, 16), 32768, np.uint16))
    assert abs(int(read_photo(encoded(grey, "PNG")).pixels(4, 4).mean()) - 128) <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.9, 0.999])
def test_truncated_photo_is_refused(kind: str, share: float) -> None:
    """A half-sent picture is an error of the caller's, at whatever byte it ends."""
    data = encoded(scene(400, 300), kind)
    with pytest.raises(ImageUnreadable) as refused:
        read_photo(data[: int(len(data) * share)])
    assert refused.value.field == "image"


@pytest.mark.parametrize("data", [b"", b"\x00", b"not a picture at all", b"GIF89a" + bytes(50), b"\xff\xd8\xff"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """No bytes, noise, and formats that we don't take."""
    with pytest.raises(ImageUnreadable):
        read_photo(data)


def test_too_many_bytes_are_refused_before_anything_is_parsed() -> None:
    """20 MB and one byte."""
    with pytest.raises(ImageTooLarge, match="20,000,001 bytes"):
        read_photo(bytes(20_000_001))


@pytest.mark.parametrize("side", [8_000, 20_000, 60_000])
def test_decompression_bomb_is_refused_from_its_header(side: int) -> None:
    """A few bytes that claim billions of pixels are never decoded."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    with pytest.raises(ImageTooLarge):
        read_photo(bomb)


def test_limits_are_inclusive() -> None:
    """A picture of exactly the limit passes, one pixel more does not."""
    data = encoded(scene(100, 50), "PNG")
    assert read_photo(data, limits=PhotoLimits(max_bytes=len(data), max_pixels=5_000)).report.width == 100
    with pytest.raises(ImageTooLarge):
        read_photo(data, limits=PhotoLimits(max_pixels=4_999))


@given(st.binary(max_size=40), st.integers(0, 2_000))
def test_damaged_bytes_never_raise_anything_else(noise: bytes, position: int) -> None:
    """Whatever is overwritten in a JPEG, the outcome is a photo or one of our own errors."""
    data = bytearray(_JPEG)
    data[position : position + len(noise)] = noise
    try:
        assert read_photo(bytes(data)).pixels(16, 16).shape == (16, 16, 3)
    except AisleError as refused:
        assert refused.field == "image"


_JPEG = encoded(scene(120, 90))


def test_transparency_costs_little_memory() -> None:
    """Beside the decoded and the flat picture there is one narrow band of intermediate results."""
    decoded = np.zeros((3_000, 2_000, 4), np.uint8)
    tracemalloc.start()
    flat = _flatten(decoded)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert flat.min() == 255
    assert peak < 1.3 * flat.nbytes


def test_no_pixel_of_a_png_is_decoded_for_its_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow would, to see whether EXIF data come after them: seconds and hundreds of megabytes for a bomb."""

    def load(_: object) -> None:
        pytest.fail("decoded")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", load)
    assert read_header(encoded(scene(), "PNG"), PhotoLimits()).orientation == 1
    with pytest.raises(ImageTooLarge, match="96 x 64"):
        read_header(encoded(scene(96, 64), "PNG"), PhotoLimits(max_pixels=1_000))
