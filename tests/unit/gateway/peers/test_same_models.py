"""Whether a Triton serves the expected models: looked at once for each connection, and for each model on its own."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from services.common.errors import AisleError, DeadlineExceeded, FailedPrecondition, ModelUnavailable
from services.gateway.peers.same_models import SameModels
from services.models.metadata import ModelInfo
from tests.support.gateway import Gate, until

EXPECTED = {"embedder": "ab" * 32, "classifier": "cd" * 32}


class FakeTriton:
    """Serves models, by their digests, and loses its connection when it is told to."""

    def __init__(self, sha256_of: Mapping[str, str]) -> None:
        self.sha256_of = dict(sha256_of)
        self.error: AisleError | None = None
        self.is_connected = True
        self.gate = Gate()
        self.described = Counter[str]()
        self.back: list[str] = []
        self._lost = asyncio.Event()

    async def describe(self, model: str, timeout_seconds: float) -> ModelInfo:
        """Say what it serves."""
        assert timeout_seconds > 0
        self.described[model] += 1
        await self.gate.passage()
        if self.error is not None:
            raise self.error
        return ModelInfo(model, "1", self.sha256_of[model], "resize-square-1", 8, 8, output_size=4, max_batch_size=8)

    async def disconnected(self) -> None:
        """Wait for the end of the connection."""
        await self._lost.wait()
        self._lost.clear()

    async def connected(self) -> None:
        """Return at once: it is never away for long."""

    async def reconnect(self) -> None:
        """Lose it, and have another."""
        self._lost.set()
        await until(lambda: not self._lost.is_set())


@pytest.fixture
async def triton() -> FakeTriton:
    """One that serves what is expected."""
    return FakeTriton(EXPECTED)


@pytest.fixture
async def models(triton: FakeTriton) -> AsyncIterator[SameModels]:
    """What the gateway began with, at one Triton."""
    tritons: Any = {"a": triton}
    same_models = SameModels(tritons, EXPECTED, triton.back.append)
    yield same_models
    await same_models.close()


async def test_it_is_looked_at_once(triton: FakeTriton, models: SameModels) -> None:
    """Also when many come at the same time."""
    await asyncio.gather(*(models.check("a", "embedder", 1.0) for _ in range(10)))
    await models.check("a", "embedder", 1.0)
    assert triton.described == {"embedder": 1}


async def test_each_connection_is_looked_at_anew(triton: FakeTriton, models: SameModels) -> None:
    """It may lead to another Triton, or to one that was restarted with other models."""
    await models.check("a", "embedder", 1.0)
    triton.sha256_of["embedder"] = "ef" * 32
    await models.check("a", "embedder", 1.0)
    await triton.reconnect()
    for _ in range(2):
        with pytest.raises(ModelUnavailable, match="another embedder"):
            await models.check("a", "embedder", 1.0)
    triton.sha256_of["embedder"] = EXPECTED["embedder"]
    await models.check("a", "embedder", 1.0)


async def test_who_is_connected_again_is_told_of(triton: FakeTriton, models: SameModels) -> None:
    """So that it is tried before the other one, which may be about to restart, is gone."""
    await models.check("a", "embedder", 1.0)
    assert triton.back == []
    await triton.reconnect()
    await until(lambda: triton.back == ["a"])


async def test_what_was_seen_over_a_connection_that_is_lost_counts_for_nothing(
    triton: FakeTriton, models: SameModels
) -> None:
    """Though it was asked before that, and answered after it."""
    triton.gate = Gate(is_open=False)
    looking = asyncio.create_task(models.check("a", "embedder", 1.0))
    await triton.gate.was_entered()
    await triton.reconnect()
    triton.gate.open()
    await looking
    await models.check("a", "embedder", 1.0)
    assert triton.described == {"embedder": 2}


async def test_an_answer_of_another_connection_is_looked_at(triton: FakeTriton, models: SameModels) -> None:
    """It may be another Triton's; one that has gone meanwhile answered before it went, and can't be asked any more."""
    await models.check("a", "embedder", 1.0)
    connection = models.connection("a")
    triton.sha256_of["embedder"] = "ef" * 32
    await models.check_answer("a", "embedder", connection, 1.0)
    await triton.reconnect()
    await until(lambda: models.connection("a") != connection)
    with pytest.raises(ModelUnavailable, match="another embedder"):
        await models.check_answer("a", "embedder", connection, 1.0)
    triton.is_connected = False
    await models.check_answer("a", "embedder", connection, 1.0)


async def test_another_classifier_does_not_cost_the_embedder(triton: FakeTriton, models: SameModels) -> None:
    """Every shard can be searched without one."""
    triton.sha256_of["classifier"] = "ef" * 32
    await models.check("a", "embedder", 1.0)
    with pytest.raises(ModelUnavailable, match="another classifier"):
        await models.check("a", "classifier", 1.0)


async def test_a_model_that_is_none_of_ours_is_unavailable(triton: FakeTriton, models: SameModels) -> None:
    """Its configuration may say nothing that we know."""
    triton.error = FailedPrecondition("no parameter sha256")
    with pytest.raises(ModelUnavailable, match="none of ours: no parameter sha256"):
        await models.check("a", "embedder", 1.0)


async def test_one_that_does_not_say_is_waited_for_until_the_deadline(triton: FakeTriton, models: SameModels) -> None:
    """By everybody, also those who wait for another one's look."""
    triton.gate = Gate(is_open=False)
    checks = [models.check("a", "embedder", 0.1) for _ in range(5)]
    async with asyncio.timeout(0.3):
        outcomes = await asyncio.gather(*checks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {DeadlineExceeded}


async def test_one_that_has_left_is_forgotten_and_asked_no_more(triton: FakeTriton, models: SameModels) -> None:
    """Addresses come and go with every rollout of Triton; what its answers may have come over is no question then."""
    await models.check("a", "embedder", 1.0)
    connection = models.connection("a")
    models.leave(["a"])
    assert (models._watched, models.connection("a")) == ({}, 0)
    await models.check_answer("a", "embedder", connection, 1.0)
    with pytest.raises(ModelUnavailable, match="has left"):
        await models.check("a", "embedder", 1.0)
    models.join(["a"])
    assert models.connection("a") != connection
    await models.check("a", "embedder", 1.0)
    assert triton.described == {"embedder": 2}
