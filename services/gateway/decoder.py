"""Decoding photos off the event loop, a bounded number at a time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from services.common.errors import DeadlineExceeded, Overloaded
from services.gateway.decode_costs import DecodeCosts
from services.gateway.search import ModelInputs
from services.models.metadata import ModelInfo
from services.photo.header import PhotoLimits, read_header
from services.photo.intake import decode_photo, reduction_of
from services.photo.region import Region

_RETRY_AFTER_SECONDS = 1.0


class ThreadedDecoder:
    """Decodes in threads of its own (OpenCV releases the GIL); further photos wait in the executor's queue.

    A photo that is being decoded when its caller goes keeps its thread to the end. Therefore none is begun that can't
    be ready in time, as far as is known what its like take; and while all threads are kept for nobody, photos are
    refused: they would wait for nobody knows how long.

    The bound is on memory as much as on time: a PNG of 50 megapixels takes 150 MB while it is decoded, and
    up to 550 MB with transparency. A JPEG takes far less, as it is decoded smaller.
    """

    def __init__(
        self,
        embedder: ModelInfo,
        classifier: ModelInfo,
        limits: PhotoLimits,
        threads: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the decoder.

        Args:
            embedder: its input size is the larger picture.
            classifier: its input size is the smaller picture.
            limits: what a photo may measure.
            threads: photos decoded at once, at least 1.
            clock: seconds, monotonic.
        """
        self._clock = clock
        self._costs = DecodeCosts(clock)
        self._threads = threads
        self._abandoned: set[Future[ModelInputs]] = set()
        self._sides = [(model.input_height, model.input_width) for model in (embedder, classifier)]
        self._limits = limits
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    async def decode(self, image: bytes, region: Region | None, timeout_seconds: float) -> ModelInputs:
        """Return both models' pixels.

        Args:
            image: the encoded photo.
            region: the part that is wanted; all of it when None.
            timeout_seconds: what is not ready by then is of no use; the caller no longer waits.

        Raises:
            ImageUnreadable, ImageTooLarge: it is no usable photo.
            DeadlineExceeded: so large a photo takes longer.
            Overloaded: every thread is busy with a photo whose caller has gone.
        """
        if sum(not future.done() for future in self._abandoned) >= self._threads:
            raise Overloaded(
                "every decoder is busy with a photo whose caller has gone", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        decoding = self._executor.submit(self._decode, image, region, self._clock() + timeout_seconds)
        try:
            return await asyncio.wrap_future(decoding)
        finally:
            if not decoding.done():
                self._abandoned = {future for future in self._abandoned if not future.done()} | {decoding}

    def _decode(self, image: bytes, region: Region | None, deadline: float) -> ModelInputs:
        header = read_header(image, self._limits)
        reduction = reduction_of(header, region, least_side=max(max(side) for side in self._sides))
        kind, pixels = (header.format, header.transparent, reduction), header.width * header.height
        began = self._clock()
        needed, left = self._costs.seconds(kind, pixels), deadline - began
        if left < needed:
            raise DeadlineExceeded(
                f"decoding {header.width} x {header.height} pixels of {header.format} takes {needed:.2f} s, and "
                f"{max(0.0, left):.2f} s were left for it; send a smaller photo, or allow more time"
            )
        photo = decode_photo(image, header, region=region, reduction=reduction)
        self._costs.add(kind, pixels, self._clock() - began)
        embedder, classifier = (photo.pixels(*side)[None] for side in self._sides)
        return ModelInputs(embedder, classifier, photo.report)

    async def close(self) -> None:
        """Wait for the photos that are being decoded, drop those that wait."""
        await asyncio.to_thread(self._executor.shutdown, cancel_futures=True)
