"""The check against pictures that are small, valid, and built to take minutes: too many scans or segments. Pure.

A progressive JPEG repeats its whole decoding for every scan, at 76 bytes a scan; a file of empty segments or chunks
keeps a parser in Python busy under the GIL. No camera and no shop makes either.
"""

import re

from services.common.errors import ImageUnreadable

# libjpeg's own script for progressive files has 10 scans; the format's sensible uses stay below 100.
_MAX_SCANS = 100
# Photos have some dozen segments before their first scan, pictures with many metadata blocks some hundred.
_MAX_SEGMENTS = 1_000

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8"
_START_OF_SCAN = b"\xff\xda"
_END_OF_IMAGE = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
"""What a segment begins with; in entropy-coded data 0xff is followed by 0x00 or by a marker that stands alone."""
_MAX_STRAY_BYTES = 1_000
_MAX_SCANNED_BYTES = 8_000_000
"""To be searched for scans: 50 ms. Only large files whose metadata look like scans are searched at all."""
_LENGTH_BYTES = 2
_CHUNK_FRAME_BYTES = 12  # length, type and checksum


def check_structure(data: bytes) -> None:
    """Refuse what a decoder would work on for far longer than its size and pixels tell; takes well below 1 ms.

    Raises:
        ImageUnreadable: more than 100 scans, or more than 1,000 segments or chunks before the pixels.
    """
    if data.startswith(_JPEG_SIGNATURE):
        _check_jpeg(data)
    elif data.startswith(_PNG_SIGNATURE):
        _check_png(data)


def _check_jpeg(data: bytes) -> None:
    # In the way of libjpeg, which skips whatever lies between segments: up to the first scan, and on to the last one
    # where there may be too many of them.
    may_have_too_many = most_scans(data) > _MAX_SCANS
    position, end, scans = len(_JPEG_SIGNATURE), len(data), 0
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, position, end if scans else position + _MAX_STRAY_BYTES)
        if found is None and position + _MAX_STRAY_BYTES < len(data):
            raise ImageUnreadable("the JPEG photo has too much between its segments; save it anew", field="image")
        if found is None or found.group() == _END_OF_IMAGE:
            return  # an end, of which the decoder will complain if it is none
        length = int.from_bytes(data[found.end() : found.end() + _LENGTH_BYTES], "big")
        position = found.end() + max(length, _LENGTH_BYTES)
        if found.group() == _START_OF_SCAN:
            if not may_have_too_many:
                return
            end, scans = end if scans else position + _MAX_SCANNED_BYTES, scans + 1
            if scans > _MAX_SCANS:
                raise ImageUnreadable(f"the JPEG photo has more than {_MAX_SCANS} scans; save it anew", field="image")
    raise ImageUnreadable(f"the JPEG photo has more than {_MAX_SEGMENTS:,} segments; save it anew", field="image")


def most_scans(data: bytes) -> int:
    """Return how many scans a JPEG has at most: twos of bytes that begin one, which in pixels nothing else does."""
    return data.count(_START_OF_SCAN)


def _check_png(data: bytes) -> None:
    position = len(_PNG_SIGNATURE)
    for _ in range(_MAX_SEGMENTS):
        head = data[position : position + 8]
        if len(head) < 8 or head[4:] == b"IDAT":  # noqa: PLR2004 - length and type
            return
        position += _CHUNK_FRAME_BYTES + int.from_bytes(head[:4], "big")
    raise ImageUnreadable(f"the PNG picture has more than {_MAX_SEGMENTS:,} chunks; save it anew", field="image")
