"""One model that is both, at several Tritons: asked once, and only of those that serve both halves as expected."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.common.errors import ModelUnavailable
from services.gateway.peers.model_replicas import ModelReplicas
from services.gateway.peers.same_models import SameModels
from services.gateway.replicas.choosing import EjectionRules, Replicas
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.replicas.hedging import Hedging
from services.models.metadata import ModelInfo

EXPECTED = {"embedder": "ab" * 32, "classifier": "cd" * 32}
PIXELS = np.zeros((1, 8, 8, 3), np.uint8)


class FakeTriton:
    """Serves a joined model; `asked` counts its calls."""

    is_connected = True

    def __init__(self, sha256_of: Mapping[str, str]) -> None:
        self.sha256_of = dict(sha256_of)
        self.asked = 0

    async def describe(self, model: str, _timeout_seconds: float) -> ModelInfo:
        """Say what it serves."""
        return ModelInfo(model, "1", self.sha256_of[model], "resize-square-1", 8, 8, output_size=2, max_batch_size=8)

    async def embed_and_classify(
        self, pixels: NDArray[np.uint8], _timeout_seconds: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Answer every picture alike."""
        self.asked += 1
        return np.eye(len(pixels), 2, dtype=np.float32), np.full((len(pixels), 2), 0.5, np.float32)

    async def disconnected(self) -> None:
        """Never end."""
        await asyncio.Event().wait()


@pytest.fixture
async def tritons() -> dict[str, FakeTriton]:
    """One that serves what is expected, and one with another classifier."""
    return {"good": FakeTriton(EXPECTED), "other": FakeTriton({**EXPECTED, "classifier": "ef" * 32})}


@pytest.fixture
async def models(tritons: dict[str, FakeTriton]) -> AsyncIterator[ModelReplicas]:
    """What asks them."""
    fakes: Any = tritons
    same_models = SameModels(fakes, EXPECTED, lambda _: None)
    hedgings = [
        Hedging(
            Replicas(tritons, EjectionRules(), clock=time.monotonic, lot=lambda: 0.5),
            ExtraCalls(ExtraRules(share=1.0), time.monotonic),
            time.monotonic,
        )
        for _ in range(2)
    ]
    yield ModelReplicas(fakes, same_models, *hedgings, are_joined=True)
    await same_models.close()


async def test_both_halves_are_those_that_were_met(models: ModelReplicas, tritons: dict[str, FakeTriton]) -> None:
    """A Triton whose classifier is another one is stepped over, although its embedder is the same."""
    assert models.are_joined
    for _ in range(4):
        vectors, probabilities = await models.embed_and_classify(PIXELS, 1.0)
        assert (vectors.shape, probabilities.shape) == ((1, 2), (1, 2))
    assert (tritons["good"].asked, tritons["other"].asked) == (4, 0)


async def test_when_no_joined_model_is_the_expected_one_that_is_said(
    models: ModelReplicas, tritons: dict[str, FakeTriton]
) -> None:
    """It is UNAVAILABLE, and names the half that differs."""
    del tritons["good"]
    with pytest.raises(ModelUnavailable, match="another classifier than this gateway began with"):
        await models.embed_and_classify(PIXELS, 1.0)
