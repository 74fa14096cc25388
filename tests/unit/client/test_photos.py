"""A caller's photo becomes the bytes that are sent."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from services.client import photos
from services.client.photos import encoded
from services.common.errors import ImageTooLarge, ImageUnreadable


def noise(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)


async def test_bytes_are_sent_as_they_are() -> None:
    """Nothing is decoded or checked here: that is the gateway's work."""
    assert await encoded(b"anything") == b"anything"


async def test_files_are_sent_as_they_are(tmp_path: Path) -> None:
    """A path may be a string."""
    (tmp_path / "photo").write_bytes(b"bytes")
    assert await encoded(tmp_path / "photo") == b"bytes"
    assert await encoded(str(tmp_path / "photo")) == b"bytes"


async def test_an_array_arrives_as_the_same_pixels() -> None:
    """RGB in, the same RGB out: lossless, channels not swapped; a view that is not contiguous too."""
    pixels = noise(9, 14)
    for view in (pixels, pixels[:, ::-1], pixels[::2]):
        decoded = Image.open(io.BytesIO(await encoded(view)))
        assert decoded.format == "PNG"
        assert np.array_equal(np.asarray(decoded), view)


async def test_a_large_array_is_sent_as_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit of pixels it is a JPEG of the same colours, which the gateway can decode smaller."""
    monkeypatch.setattr(photos, "_LOSSLESS_MAX_PIXELS", 100)
    red = np.zeros((20, 30, 3), np.uint8)
    red[..., 0] = 200
    decoded = Image.open(io.BytesIO(await encoded(red)))
    assert decoded.format == "JPEG"
    assert np.abs(np.asarray(decoded, np.int16) - red).max() < 8


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4, 4, 3), np.float32),
    ],
)
async def test_an_array_of_another_kind_is_refused(array: NDArray[np.uint8]) -> None:
    """Grey, with alpha, empty or in floats: the message says what is wanted."""
    with pytest.raises(ImageUnreadable, match=r"uint8 \(H, W, 3\)"):
        await encoded(array)


async def test_files_that_can_not_be_sent_are_refused(tmp_path: Path) -> None:
    """A missing file, a folder, and a file over the limit, which is not even read."""
    with pytest.raises(ImageUnreadable, match="No such file"):
        await encoded(tmp_path / "missing.jpg")
    with pytest.raises(ImageUnreadable, match="directory"):
        await encoded(tmp_path)
    with (tmp_path / "video").open("wb") as file:
        file.truncate(20_000_001)
    with pytest.raises(ImageTooLarge, match="video has more than 20,000,000 bytes") as refused:
        await encoded(tmp_path / "video")
    assert refused.value.field == "image"


async def test_only_regular_files_are_read(tmp_path: Path) -> None:
    """A pipe would be waited for, and /dev/zero read, forever."""
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(ImageUnreadable, match="a pipe or device, not a file") as refused:
            await encoded(path)
        assert refused.value.field == "image"


async def test_bytes_over_the_limit_are_refused_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """As bytes or as an array: sent, they would end a stream with all its photos."""
    monkeypatch.setattr(photos, "MAX_PHOTO_BYTES", 50)
    assert await encoded(bytes(50))
    for photo in (bytes(51), noise(9, 14)):
        with pytest.raises(ImageTooLarge) as refused:
            await encoded(photo)
        assert refused.value.field == "image"
