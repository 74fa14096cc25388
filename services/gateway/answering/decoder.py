"""Decoding photos off the event loop, a bounded number at a time, and giants apart from all others."""

import asyncio
from concurrent.futures import Future, ThreadPoolExecutor

from services.common.errors import DeadlineExceeded, Overloaded
from services.gateway.answering.ports import ModelInputs
from services.models.metadata import ModelInfo
from services.photo.header import Header, PhotoLimits, read_header
from services.photo.intake import decode_photo, reduction_of
from services.photo.region import Region

_GIANT_PIXELS, _GIANT_JPEG_PIXELS = 4_000_000, 16_000_000
"""Decoded one by one, more take over 100 ms. A JPEG is mostly decoded smaller: 12 megapixels take 25 ms."""
_GIANT_SCANNED = 200_000_000
"""So do these when a progressive JPEG goes over its pixels scan by scan; usual ones have ten scans."""
_MOST_GIANTS = 2
_GIANT_SECONDS = 1.0


class ThreadedDecoder:
    """Decodes in threads of its own (OpenCV releases the GIL); further photos wait in the executor's queue.

    A photo that is being decoded when its caller goes keeps its thread to the end, and a PNG of 50 megapixels takes
    seconds. Such giants have one thread for them all, and only one may wait for it: so they keep nobody else waiting,
    and 150 MB of memory (550 MB with transparency) are taken once and not for every thread.
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
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._giants_there: set[Future[ModelInputs]] = set()
        self._giants = ThreadPoolExecutor(1, thread_name_prefix="decode-giant")

    async def decode(self, image: bytes, region: Region | None, timeout_seconds: float) -> ModelInputs:
        """Return both models' pixels.

        Args:
            image: the encoded photo.
            region: the part that is wanted; all of it when None.
            timeout_seconds: how long it may take.

        Raises:
            ImageUnreadable, ImageTooLarge: it is no usable photo.
            DeadlineExceeded: it is not ready in time.
            Overloaded: it is a giant, and two others are there already.
        """
        is_giant = False
        try:
            async with asyncio.timeout(timeout_seconds):
                loop = asyncio.get_running_loop()
                inputs = await loop.run_in_executor(self._executor, self._decode_unless_giant, image, region)
                if not isinstance(inputs, Header):
                    return inputs
                is_giant = True
                return await self._decode_giant(image, region, inputs)
        except TimeoutError:
            late = DeadlineExceeded(
                "the photo was not decoded within the deadline; send a smaller one, or allow more time"
            )
            late.says_load = not is_giant
            raise late from None

    async def _decode_giant(self, image: bytes, region: Region | None, header: Header) -> ModelInputs:
        # Each that waits keeps a place that others could have.
        if len(self._giants_there) >= _MOST_GIANTS:
            refused = Overloaded(
                "photos that take as long to decode are there already; send a smaller one, or come back",
                retry_after_seconds=_GIANT_SECONDS,
            )
            refused.says_load = False
            raise refused
        giant = self._giants.submit(self._decode, image, region, header)
        self._giants_there.add(giant)
        giant.add_done_callback(self._giants_there.discard)
        return await asyncio.wrap_future(giant)

    def _decode_unless_giant(self, image: bytes, region: Region | None) -> ModelInputs | Header:
        header = read_header(image, self._limits)
        pixels, is_jpeg = header.width * header.height, header.format == "JPEG"
        whole = pixels if self._reduction(header, region) == 1 else 0
        is_giant = whole > (_GIANT_JPEG_PIXELS if is_jpeg else _GIANT_PIXELS) or pixels * header.scans > _GIANT_SCANNED
        return header if is_giant else self._decode(image, region, header)

    def _decode(self, image: bytes, region: Region | None, header: Header) -> ModelInputs:
        photo = decode_photo(image, header, region=region, reduction=self._reduction(header, region))
        pixels = {side: photo.pixels(*side)[None] for side in self._sides}
        embedder, classifier = (pixels[side] for side in self._sides)
        return ModelInputs(embedder, classifier, photo.report)

    def _reduction(self, header: Header, region: Region | None) -> int:
        return reduction_of(header, region, least_side=max(max(side) for side in self._sides))

    async def close(self) -> None:
        """Wait for the photos that are being decoded, drop those that wait."""
        for executor in (self._executor, self._giants):
            await asyncio.to_thread(executor.shutdown, cancel_futures=True)
