"""The decoder: both models' pixels of one photo, off the event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator

import numpy as np
import pytest

from services.common.errors import DeadlineExceeded, ImageTooLarge, ImageUnreadable, Overloaded
from services.gateway.decoder import ThreadedDecoder
from services.models.metadata import ModelInfo
from services.photo.header import PhotoLimits
from services.photo.intake import read_photo
from services.photo.region import Region
from tests.support.clocks import ManualClock
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


async def test_the_limits_are_the_settings(decoder: ThreadedDecoder) -> None:
    """Bytes and pixels, and the errors of the intake are passed on."""
    with pytest.raises(ImageTooLarge, match="bytes"):
        await decoder.decode(b"x" * 10_001, None, 5.0)
    with pytest.raises(ImageTooLarge, match="201 x 200"):
        await decoder.decode(encoded(scene(201, 200)), None, 5.0)
    with pytest.raises(ImageUnreadable):
        await decoder.decode(b"x", None, 5.0)


async def test_photos_are_refused_while_every_thread_works_for_nobody(decoder: ThreadedDecoder) -> None:
    """A caller that went away can't take its thread along; who comes now is told, and who comes later is served."""
    go_on, began = threading.Event(), threading.Event()

    def busy(*_: object) -> None:
        began.set()
        go_on.wait(10)

    decoding, decoder._decode = decoder._decode, busy  # type: ignore[assignment,method-assign]
    gone = asyncio.create_task(decoder.decode(b"", None, 5.0))
    await asyncio.to_thread(began.wait)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    decoder._decode = decoding  # type: ignore[method-assign]
    with pytest.raises(Overloaded):
        await decoder.decode(encoded(scene()), None, 5.0)
    go_on.set()
    await until(lambda: all(future.done() for future in decoder._abandoned))
    await decoder.decode(encoded(scene()), None, 5.0)


async def test_what_takes_longer_than_there_is_time_is_not_begun() -> None:
    """Once it is known what its like take: the first one finds that out, to its end, for a caller that has gone."""
    clock = ManualClock()
    decoder = ThreadedDecoder(model("embedder", 32, 24), model("classifier", 16, 12), PhotoLimits(), 1, clock)
    try:
        photo = encoded(scene(1_200, 1_000), "PNG")
        decoder._costs.add(("PNG", False, 1), 1_200_000, 0.3)
        with pytest.raises(DeadlineExceeded, match=r"1200 x 1000 pixels of PNG takes 0.30 s, and 0.20 s were left"):
            await decoder.decode(photo, None, 0.2)
        await decoder.decode(photo, None, 0.4)
        clock.advance(11.0)
        decoder._costs.add(("PNG", False, 1), 1_200_000, 0.3)
        await decoder.decode(encoded(scene(96, 64), "PNG"), None, 0.01)
        clock.advance(11.0)
        await decoder.decode(photo, None, 0.2)
    finally:
        await decoder.close()


async def test_close_ends_the_threads(decoder: ThreadedDecoder) -> None:
    """No thread outlives its gateway; closing twice does no harm."""
    await decoder.decode(encoded(scene()), None, 5.0)
    before = {thread for thread in threading.enumerate() if thread.name.startswith("decode")}
    await decoder.close()
    assert before
    assert not any(thread.is_alive() for thread in before)
