"""A build's way to the models: each question is asked in an event loop of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.common.errors import SpaceMismatch
from services.indexer.answers import BothModels, PhotoAnswers, ask_about_photos
from services.indexer.config import IndexerSettings
from services.indexer.embedding import Pace, ask_models
from services.indexer.pictures import Picture, Skipped, read_pixels
from services.models.metadata import ModelInfo
from services.photo.intake import PREPROCESSING

T = TypeVar("T")


class Models(BothModels, Protocol):
    """The models and what they say about themselves."""

    async def describe(self, model: str) -> ModelInfo:
        """Return what a model says about itself."""
        ...

    async def close(self) -> None:
        """Let go of the connection."""
        ...


class Triton:
    """Asks Triton on a build's behalf. Its methods run event loops, so an event loop can call them in a thread only.

    All of them raise what the models raise: Unavailable, ResourceExhausted, DeadlineExceeded, Internal.
    """

    def __init__(self, settings: IndexerSettings, connect: Callable[[str], Models]) -> None:
        """Take the settings; nothing is connected yet.

        Args:
            settings: where Triton is, and how hard to work.
            connect: makes a client of Triton; called inside an event loop.
        """
        self._settings = settings
        self._connect = connect

    def describe(self, model: str) -> ModelInfo:
        """Return what a model says about itself.

        Raises:
            SpaceMismatch: it takes pixels that were prepared in another way.
        """
        info = self._ask(lambda models: models.describe(model))
        if info.preprocessing != PREPROCESSING:
            raise SpaceMismatch(
                f"{info.name} {info.version} takes pixels prepared by {info.preprocessing!r}, but this release "
                f"prepares them by {PREPROCESSING!r}"
            )
        return info

    def embed(
        self,
        pictures: Sequence[Picture],
        embedder: ModelInfo,
        on_batch: Callable[[Sequence[Picture], NDArray[np.float32] | None, Sequence[Skipped]], None],
    ) -> None:
        """Embed pictures; `on_batch` as in `ask_models`."""
        read = partial(read_pixels, height=embedder.input_height, width=embedder.input_width)

        def work(models: Models) -> Awaitable[None]:
            async def embed(pixels: Sequence[NDArray[np.uint8]], timeout_seconds: float) -> NDArray[np.float32]:
                return await models.embed(np.stack(pixels), timeout_seconds)

            return ask_models(pictures, read=read, ask=embed, pace=self._pace(embedder), on_batch=on_batch)

        self._ask(work)

    def embed_and_classify(
        self,
        photos: Sequence[Picture],
        embedder: ModelInfo,
        classifier: ModelInfo,
        advance: Callable[[int], None],
    ) -> PhotoAnswers:
        """Ask both models about photos, as `ask_about_photos` does."""
        pace = self._pace(embedder, classifier)
        return self._ask(
            lambda models: ask_about_photos(photos, models, embedder, classifier, pace=pace, advance=advance)
        )

    def _ask(self, question: Callable[[Models], Awaitable[T]]) -> T:
        async def ask() -> T:
            models = self._connect(self._settings.triton)
            try:
                return await question(models)
            finally:
                await models.close()

        return asyncio.run(ask())

    def _pace(self, *models: ModelInfo) -> Pace:
        settings = self._settings
        return Pace(
            batch_size=min(settings.batch_size, *(max(1, model.max_batch_size) for model in models)),
            in_flight=settings.in_flight,
            decode_threads=settings.decode_threads,
            timeout_seconds=settings.timeout_seconds,
            patience_seconds=settings.patience_seconds,
        )
