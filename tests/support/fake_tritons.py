"""Tritons in memory: they say what they serve, answer every picture alike, and lose connections when they are told."""

import asyncio
from collections import Counter
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.common.errors import AisleError
from services.gateway.peers.model_fit import ModelPair
from services.models.metadata import CLASSIFIER, EMBEDDER, ModelInfo
from tests.support.gateway import Gate, until

SIDE = 8
PAIR = ModelPair(
    ModelInfo(EMBEDDER, "e-1", "ab" * 32, "resize-square-1", SIDE, SIDE, output_size=2, max_batch_size=8),
    ModelInfo(
        CLASSIFIER, "c-1", "cd" * 32, "resize-square-1", SIDE, SIDE, 2, max_batch_size=8, labels=("Bags", "Hats")
    ),
)
NEXT = replace(PAIR.classifier, version="c-2", sha256="ef" * 32)
"""Another classifier of the same shop."""
OTHER_SPACE = replace(PAIR.embedder, version="e-2", sha256="12" * 32)
"""An embedder whose vectors must not meet those of `PAIR`."""


def joined(pair: ModelPair = PAIR) -> ModelPair:
    """Return the same models as halves of one."""
    return ModelPair(replace(pair.embedder, joined=True), replace(pair.classifier, joined=True))


class FakeTriton:
    """One of them.

    Attributes:
        pair: what it serves.
        error: raised by `describe`, when set.
        gate: every call of `describe` waits at it.
        described: how often each model was asked what it is.
        asked: how often each model, or both in one call, was asked about pictures.
    """

    def __init__(self, pair: ModelPair = PAIR) -> None:
        self.pair = pair
        self.error: AisleError | None = None
        self.gate = Gate()
        self.is_connected = True
        self.described = Counter[str]()
        self.asked = Counter[str]()
        self._lost = asyncio.Event()

    async def ready(self) -> bool:
        """Say so."""
        return True

    async def describe(self, model: str, timeout_seconds: float = 1.0) -> ModelInfo:
        """Say what it serves."""
        assert timeout_seconds > 0
        self.described[model] += 1
        await self.gate.passage()
        if self.error is not None:
            raise self.error
        return self.pair.embedder if model == EMBEDDER else self.pair.classifier

    async def embed(self, pixels: NDArray[np.uint8], _timeout_seconds: float) -> NDArray[np.float32]:
        """Return unit vectors."""
        self.asked[EMBEDDER] += 1
        return np.eye(len(pixels), 2, dtype=np.float32)

    async def classify(self, pixels: NDArray[np.uint8], _timeout_seconds: float) -> NDArray[np.float32]:
        """Return probabilities."""
        self.asked[CLASSIFIER] += 1
        return np.full((len(pixels), 2), 0.5, np.float32)

    async def embed_and_classify(
        self, pixels: NDArray[np.uint8], timeout_seconds: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return both."""
        assert self.pair.embedder.joined
        self.asked["both"] += 1
        return await self.embed(pixels, timeout_seconds), await self.classify(pixels, timeout_seconds)

    async def disconnected(self) -> None:
        """Wait for the end of the connection."""
        await self._lost.wait()
        self._lost.clear()

    async def connected(self) -> None:
        """Return at once: it is never away for long."""

    async def reconnect(self, pair: ModelPair | None = None) -> None:
        """Lose it, and have another, perhaps with other models."""
        self.pair = pair or self.pair
        self._lost.set()
        await until(lambda: not self._lost.is_set())
