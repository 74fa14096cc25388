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
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The end of entropy-coded data, in which 0xff is followed by 0x00 or a restart marker."""
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
    may_have_too_many = most_scans(data) > _MAX_SCANS
    position, scans = len(_JPEG_SIGNATURE), 0
    for _ in range(_MAX_SEGMENTS):
        marker = data[position : position + 2]
        if len(marker) < 2 or marker[0] != 0xFF or marker == _END_OF_IMAGE:  # noqa: PLR2004 - two bytes
            return  # an end, of which the decoder will complain if it is none
        is_fill = marker[1] == 0xFF  # noqa: PLR2004 - 0xff may be repeated before a marker
        length = 0 if is_fill else int.from_bytes(data[position + 2 : position + 2 + _LENGTH_BYTES], "big")
        position += 1 if is_fill else 2 + max(length, _LENGTH_BYTES)
        if marker == _START_OF_SCAN:
            scans += 1
            if not may_have_too_many:
                return
            if scans > _MAX_SCANS:
                raise ImageUnreadable(f"the JPEG photo has more than {_MAX_SCANS} scans; save it anew", field="image")
            found = _MARKER.search(data, position)
            if found is None:
                return
            position = found.start()
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
