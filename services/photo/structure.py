"""The check against pictures that are small, valid, and built to take minutes: too many scans or segments. Pure.

A progressive JPEG repeats its whole decoding for every scan, at 76 bytes a scan; a file of empty segments or chunks
keeps a parser in Python busy under the GIL. No camera and no shop makes either.
"""

from services.common.errors import ImageUnreadable

# libjpeg's own script for progressive files has 10 scans; the format's sensible uses stay below 100.
_MAX_SCANS = 100
# Photos have some dozen segments before their first scan, pictures with many metadata blocks some hundred.
_MAX_SEGMENTS = 1_000

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_JPEG_SIGNATURE = b"\xff\xd8"
_START_OF_SCAN = b"\xff\xda"
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
    # In entropy-coded data 0xff is always followed by 0x00 or a restart marker, so this counts scans (and, by chance,
    # two bytes of metadata once in 65,536).
    if data.count(_START_OF_SCAN) > _MAX_SCANS + len(data) // 30_000:
        raise ImageUnreadable(f"the JPEG photo has more than {_MAX_SCANS} scans; save it anew", field="image")
    position = len(_JPEG_SIGNATURE)
    for _ in range(_MAX_SEGMENTS):
        marker = data[position : position + 2]
        if marker == _START_OF_SCAN or len(marker) < 2 or marker[0] != 0xFF:  # noqa: PLR2004 - two bytes
            return  # the pixels, or an end that the decoder will complain about
        is_fill = marker[1] == 0xFF  # noqa: PLR2004 - 0xff may be repeated before a marker
        length = 0 if is_fill else int.from_bytes(data[position + 2 : position + 2 + _LENGTH_BYTES], "big")
        position += 1 if is_fill else 2 + max(length, _LENGTH_BYTES)
    raise ImageUnreadable(f"the JPEG photo has more than {_MAX_SEGMENTS:,} segments; save it anew", field="image")


def _check_png(data: bytes) -> None:
    position = len(_PNG_SIGNATURE)
    for _ in range(_MAX_SEGMENTS):
        head = data[position : position + 8]
        if len(head) < 8 or head[4:] == b"IDAT":  # noqa: PLR2004 - length and type
            return
        position += _CHUNK_FRAME_BYTES + int.from_bytes(head[:4], "big")
    raise ImageUnreadable(f"the PNG picture has more than {_MAX_SEGMENTS:,} chunks; save it anew", field="image")
