"""Decoding photos off the event loop, a bounded number at a time."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from services.common.errors import Overloaded
from services.gateway.search import ModelInputs
from services.models.metadata import ModelInfo
from services.photo.header import PhotoLimits
from services.photo.intake import read_photo
from services.photo.region import Region

_RETRY_AFTER_SECONDS = 1.0


class ThreadedDecoder:
    """Decodes in threads of its own (OpenCV releases the GIL); further photos wait in the executor's queue.

    A photo that is being decoded when its caller goes keeps its thread to the end. While all threads are kept so,
    photos are refused: they would wait for nobody knows how long.

    The bound is on memory as much as on time: a PNG of 50 megapixels takes 150 MB while it is decoded, and
    up to 550 MB with transparency. A JPEG takes far less, as it is decoded smaller.
    """

    def __init__(self, embedder: ModelInfo, classifier: ModelInfo, limits: PhotoLimits, threads: int) -> None:
        """Create the decoder.

        Args:
            embedder: its input size is the larger picture.
            classifier: its input size is the smaller picture.
            limits: what a photo may measure.
            threads: photos decoded at once, at least 1.
        """
        self._threads = threads
        self._abandoned: set[Future[ModelInputs]] = set()
        self._embedder = embedder
        self._classifier = classifier
        self._limits = limits
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def decode(self, image: bytes, region: Region | None) -> ModelInputs:
        """Return both models' pixels.

        Raises:
            ImageUnreadable, ImageTooLarge: it is no usable photo.
            Overloaded: every thread is busy with a photo whose caller has gone.
        """
        if sum(not future.done() for future in self._abandoned) >= self._threads:
            raise Overloaded(
                "every decoder is busy with a photo whose caller has gone", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        decoding = self._executor.submit(self._decode, image, region)
        try:
            return await asyncio.wrap_future(decoding)
        finally:
            if not decoding.done():
                self._abandoned = {future for future in self._abandoned if not future.done()} | {decoding}

    def _decode(self, image: bytes, region: Region | None) -> ModelInputs:
        sides = [(model.input_height, model.input_width) for model in (self._embedder, self._classifier)]
        photo = read_photo(image, region=region, least_side=max(max(side) for side in sides), limits=self._limits)
        embedder, classifier = (photo.pixels(*side)[None] for side in sides)
        return ModelInputs(embedder, classifier, photo.report)

    async def close(self) -> None:
        """Wait for the photos that are being decoded, drop those that wait."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
