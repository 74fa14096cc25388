"""Decoding photos off the event loop, a bounded number at a time."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from services.gateway.search import ModelInputs
from services.models.metadata import ModelInfo
from services.photo.header import PhotoLimits
from services.photo.intake import read_photo
from services.photo.region import Region


class ThreadedDecoder:
    """Decodes in threads of its own (OpenCV releases the GIL); further photos wait in the executor's queue.

    The bound is on memory as much as on time: a PNG of 50 megapixels takes 150 MB while it is decoded, and
    up to 550 MB with transparency. A JPEG takes far less, as it is decoded smaller.
    """

    def __init__(self, embedder: ModelInfo, classifier: ModelInfo, limits: PhotoLimits, threads: int) -> None:
        """Create the decoder.

        Args:
            embedder: its input size is the larger picture.
            classifier: its input size is the smaller picture.
            limits: what a photo may measure.
            threads: photos decoded at once.
        """
        self._embedder = embedder
        self._classifier = classifier
        self._limits = limits
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def decode(self, image: bytes, region: Region | None) -> ModelInputs:
        """Return both models' pixels; raises ImageUnreadable or ImageTooLarge."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._decode, image, region)

    def _decode(self, image: bytes, region: Region | None) -> ModelInputs:
        sides = [(model.input_height, model.input_width) for model in (self._embedder, self._classifier)]
        photo = read_photo(image, region=region, least_side=max(max(side) for side in sides), limits=self._limits)
        embedder, classifier = (photo.pixels(*side)[None] for side in sides)
        return ModelInputs(embedder, classifier, photo.report)

    async def close(self) -> None:
        """Wait for the photos that are being decoded, drop those that wait."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
