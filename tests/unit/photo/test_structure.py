"""Pictures that are small and valid, and would keep a decoder busy for minutes, are refused at once."""

import struct
import time
import zlib

import pytest

from services.common.errors import ImageUnreadable
from services.photo.intake import read_photo
from services.photo.structure import check_structure
from tests.support.pictures import encoded, scene

_SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x01\x00\x00"


def scan_bomb(scans: int, before: bytes = b"") -> bytes:
    """A progressive JPEG whose last scan is repeated, after some other bytes."""
    picture = encoded(scene(), progressive=True)
    return picture[:-2] + before + _SCAN * scans + picture[-2:]


def marker_flood(segments: int, segment: bytes) -> bytes:
    picture = encoded(scene())
    return picture[:2] + segment * segments + picture[2:]


def chunk_flood(chunks: int) -> bytes:
    picture = encoded(scene(), "PNG")
    chunk = struct.pack(">I", 0) + b"teXt" + struct.pack(">I", zlib.crc32(b"teXt"))
    return picture[:33] + chunk * chunks + picture[33:]


@pytest.mark.parametrize(
    "picture",
    [
        scan_bomb(1_500),
        scan_bomb(250) + bytes(19_000_000),
        scan_bomb(250, before=b"\xff\xfe\x00\x02\x00"),
        scan_bomb(250).replace(b"\xff\xd8", b"\xff\xd8\xff\xd0", 1),
        scan_bomb(120, before=_SCAN + b"\xff\x00" * 9_000_000),
        marker_flood(5_000_000, b"\xff\xfe\x00\x02"),
        marker_flood(5_000_000, b"\xff"),
        chunk_flood(1_000_000),
    ],
    ids=[
        "scans",
        "scans before zeros",
        "scans after a stray byte",
        "scans after a lone marker",
        "no marker",
        "segments",
        "fill",
        "chunks",
    ],
)
def test_a_picture_that_would_take_minutes_is_refused_in_milliseconds(picture: bytes) -> None:
    """Up to 20 MB of it, before any parser sees it."""
    started = time.perf_counter()
    with pytest.raises(ImageUnreadable) as refused:
        read_photo(picture[:20_000_000])
    assert refused.value.field == "image"
    assert time.perf_counter() - started < 0.25


@pytest.mark.parametrize(
    "picture",
    [
        scan_bomb(80),
        scan_bomb(10) + scan_bomb(80) * 3,  # further pictures in one file, as phones write them
        marker_flood(5, b"\xff\xe1\x0f\xff" + b"\xff\xda" * 2_046 + b"\x00"),  # metadata that look like scans
        marker_flood(300, b"\xff\xfe\x00\x02"),
        chunk_flood(300),
    ],
)
def test_what_is_merely_unusual_passes(picture: bytes) -> None:
    """Many metadata blocks and some more scans than usual are no attack."""
    check_structure(picture)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0\x00", b"\x89PNG\r\n\x1a\n\x00"])
def test_what_ends_early_is_left_to_the_decoder(data: bytes) -> None:
    """This check judges only what it is for."""
    check_structure(data)


def test_a_multi_picture_file_is_a_jpeg() -> None:
    """Phones write MPO files: the first picture is the photo, decoded as small as any JPEG."""
    data = encoded(scene(900, 900), "MPO", save_all=True, append_images=[scene(900, 900)])
    report = read_photo(data).report
    assert (report.format, report.decode_reduction) == ("JPEG", 4)
