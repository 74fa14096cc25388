"""The decoder: both models' pixels of one photo, off the event loop."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from services.common.errors import DeadlineExceeded, ImageTooLarge, ImageUnreadable, Overloaded
from services.gateway.answering.decoder import ThreadedDecoder
from services.gateway.answering.ports import ModelInputs
from services.models.metadata import ModelInfo
from services.photo.header import Header, PhotoLimits
from services.photo.intake import read_photo
from services.photo.region import Region
from tests.support.gateway import until
from tests.support.pictures import encoded, scene


def model(name: str, height: int, width: int) -> ModelInfo:
    return ModelInfo(name, "1", "ab" * 32, "resize-square-1", height, width, output_size=4, max_batch_size=8)


@pytest.fixture
async def decoder() -> AsyncIterator[ThreadedDecoder]:
    limits = PhotoLimits(max_bytes=10_000, max_pixels=200 * 200)
    decoder = ThreadedDecoder(model("embedder", 32, 24), model("classifier", 16, 12), limits, threads=1)
    yield decoder
    await decoder.close()


async def test_each_model_gets_the_pixels_that_it_takes(decoder: ThreadedDecoder) -> None:
    """RGB, one picture each, of the region only, equal to decoding it by hand."""
    data, region = encoded(scene(96, 64)), Region(0.0, 0.0, 0.5, 1.0)
    inputs = await decoder.decode(data, region, 5.0)
    photo = read_photo(data, region=region, least_side=32)
    assert inputs.embedder.shape == (1, 32, 24, 3)
    assert inputs.classifier.shape == (1, 16, 12, 3)
    assert np.array_equal(inputs.embedder[0], photo.pixels(32, 24))
    assert np.array_equal(inputs.classifier[0], photo.pixels(16, 12))
    assert inputs.report == photo.report


async def test_models_of_one_size_share_their_pixels() -> None:
    """They are made once: a joined model takes one picture for both."""
    decoder = ThreadedDecoder(model("embedder", 32, 24), model("classifier", 32, 24), PhotoLimits(), threads=1)
    inputs = await decoder.decode(encoded(scene(96, 64)), None, 5.0)
    assert inputs.classifier is inputs.embedder
    await decoder.close()


async def test_the_limits_are_the_settings(decoder: ThreadedDecoder) -> None:
    """Bytes and pixels, and the errors of the intake are passed on."""
    with pytest.raises(ImageTooLarge, match="bytes"):
        await decoder.decode(b"x" * 10_001, None, 5.0)
    with pytest.raises(ImageTooLarge, match="201 x 200"):
        await decoder.decode(encoded(scene(201, 200)), None, 5.0)
    with pytest.raises(ImageUnreadable):
        await decoder.decode(b"x", None, 5.0)


async def test_giants_keep_nobody_else_waiting() -> None:
    """Whether their callers still wait or not: others are decoded meanwhile, and giants one after the other."""
    go_on, giants = threading.Event(), 0
    decoder = ThreadedDecoder(model("embedder", 32, 24), model("classifier", 16, 12), PhotoLimits(), threads=1)
    decode = decoder._decode

    def slow_with_giants(image: bytes, region: Region | None, header: Header) -> ModelInputs:
        nonlocal giants
        if header.width > 2_000:
            giants += 1
            go_on.wait(10)
        return decode(image, region, header)

    decoder._decode = slow_with_giants  # type: ignore[method-assign]
    giant, photo = encoded(scene(2_100, 2_000), "PNG"), encoded(scene())
    first, second = (asyncio.create_task(decoder.decode(giant, None, 5.0)) for _ in range(2))
    await until(lambda: giants == 1)
    await until(lambda: len(decoder._giants_there) == 2)
    with pytest.raises(Overloaded) as refused:
        await decoder.decode(giant, None, 5.0)
    assert not refused.value.says_load
    first.cancel()
    async with asyncio.timeout(5):
        await decoder.decode(photo, None, 5.0)
    second.cancel()
    await until(lambda: len(decoder._giants_there) == 1)
    third = asyncio.create_task(decoder.decode(giant, None, 5.0))
    assert giants == 1
    go_on.set()
    await third
    assert giants == 2  # who went while it waited is not decoded
    await decoder.close()


async def test_whether_a_late_photo_says_that_there_is_too_much_to_do() -> None:
    """A giant is late by itself."""
    decoder = ThreadedDecoder(model("embedder", 32, 24), model("classifier", 16, 12), PhotoLimits(), threads=1)
    go_on = threading.Event()
    decoder._executor.submit(go_on.wait, 10)
    with pytest.raises(DeadlineExceeded) as late:
        await decoder.decode(encoded(scene()), None, 0.05)
    assert late.value.says_load
    go_on.set()
    giant = encoded(scene(2_100, 2_000), "PNG")  # which takes a while itself
    decoder._giants.submit(time.sleep, 1.0)
    with pytest.raises(DeadlineExceeded) as late:
        await decoder.decode(giant, None, 0.5)
    assert not late.value.says_load
    await decoder.close()


async def test_a_large_jpeg_is_no_giant() -> None:
    """It is decoded smaller, in a tenth of the time; one with many scans is, and one that is decoded whole."""
    decoder = ThreadedDecoder(model("embedder", 32, 24), model("classifier", 16, 12), PhotoLimits(), threads=1)
    photo = encoded(scene(2_100, 2_000))
    assert isinstance(decoder._decode_unless_giant(photo, None), ModelInputs)
    huge = encoded(scene(4_200, 4_000))
    assert isinstance(decoder._decode_unless_giant(huge, None), ModelInputs)
    assert isinstance(decoder._decode_unless_giant(huge, Region(0.0, 0.0, 0.01, 0.01)), Header)
    comment = b"\xff\xfe\x00\xc8" + b"\xff\xda" * 99  # as if it had so many scans
    assert isinstance(decoder._decode_unless_giant(photo[:2] + comment + photo[2:], None), Header)
    await decoder.close()


async def test_close_ends_the_threads(decoder: ThreadedDecoder) -> None:
    """No thread outlives its gateway; closing twice does no harm."""
    await decoder.decode(encoded(scene()), None, 5.0)
    before = {thread for thread in threading.enumerate() if thread.name.startswith("decode")}
    await decoder.close()
    assert before
    assert not any(thread.is_alive() for thread in before)
