"""Decoding photos off the event loop, a bounded number at a time, and giants apart from all others."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from services.gateway.search import ModelInputs
from services.models.metadata import ModelInfo
from services.photo.header import Header, PhotoLimits, read_header
from services.photo.intake import decode_photo, reduction_of
from services.photo.region import Region

_NICENESS = 10
"""As the models': both take tens of milliseconds of a photo's time."""
_GIANT_PIXELS = 4_000_000
"""Decoded one by one, these take 100 ms and more; a JPEG of 12 megapixels takes 25, as it is decoded smaller."""
_GIANT_SCANNED_PIXELS = 200_000_000
"""So do these when a progressive JPEG goes over them scan by scan; usual ones have ten scans."""


class ThreadedDecoder:
    """Decodes in threads of its own (OpenCV releases the GIL); further photos wait in the executor's queue.

    A photo that is being decoded when its caller goes keeps its thread to the end, and a PNG of 50 megapixels takes
    seconds. Such giants have one thread for them all, so that they keep nobody else waiting, and 150 MB of memory
    (550 MB with transparency) are taken once and not for every thread.
    """

    def __init__(self, embedder: ModelInfo, classifier: ModelInfo, limits: PhotoLimits, threads: int) -> None:
        """Create the decoder.

        Args:
            embedder: its input size is the larger picture.
            classifier: its input size is the smaller picture.
            limits: what a photo may measure.
            threads: photos decoded at once, at least 1; one giant besides.
        """
        self._sides = [(model.input_height, model.input_width) for model in (embedder, classifier)]
        self._limits = limits
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode", initializer=_yield_to_others)
        self._giants = ThreadPoolExecutor(1, thread_name_prefix="decode-giant", initializer=_yield_to_others)

    async def decode(self, image: bytes, region: Region | None) -> ModelInputs:
        """Return both models' pixels.

        Raises:
            ImageUnreadable, ImageTooLarge: it is no usable photo.
        """
        loop = asyncio.get_running_loop()
        inputs = await loop.run_in_executor(self._executor, self._decode_unless_giant, image, region)
        if isinstance(inputs, Header):
            return await loop.run_in_executor(self._giants, self._decode, image, region, inputs)
        return inputs

    def _decode_unless_giant(self, image: bytes, region: Region | None) -> ModelInputs | Header:
        header = read_header(image, self._limits)
        pixels, is_whole = header.width * header.height, self._reduction(header, region) == 1
        is_giant = (is_whole and pixels > _GIANT_PIXELS) or pixels * header.scans > _GIANT_SCANNED_PIXELS
        return header if is_giant else self._decode(image, region, header)

    def _decode(self, image: bytes, region: Region | None, header: Header) -> ModelInputs:
        photo = decode_photo(image, header, region=region, reduction=self._reduction(header, region))
        embedder, classifier = (photo.pixels(*side)[None] for side in self._sides)
        return ModelInputs(embedder, classifier, photo.report)

    def _reduction(self, header: Header, region: Region | None) -> int:
        return reduction_of(header, region, least_side=max(max(side) for side in self._sides))

    async def close(self) -> None:
        """Wait for the photos that are being decoded, drop those that wait."""
        for executor in (self._executor, self._giants):
            await asyncio.to_thread(executor.shutdown, cancel_futures=True)


def _yield_to_others() -> None:
    """Let this thread come after the event loop, which is done in a moment, where there are too few cores for both."""
    with suppress(OSError, AttributeError):  # not on every system
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
