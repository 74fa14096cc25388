"""What Tritons serve: looked at once for each connection, and for each model on its own."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.common.errors import DeadlineExceeded, FailedPrecondition, ModelUnavailable
from services.gateway.peers.model_fit import ModelPair
from services.gateway.peers.served_models import ServedModels
from tests.support.fake_tritons import NEXT, OTHER_SPACE, PAIR, FakeTriton, joined
from tests.support.gateway import Gate, until


@pytest.fixture
async def tritons() -> dict[str, FakeTriton]:
    """Two that serve what the gateway began with."""
    return {"a": FakeTriton(), "b": FakeTriton()}


@pytest.fixture
async def triton(tritons: dict[str, FakeTriton]) -> FakeTriton:
    """The first."""
    return tritons["a"]


@pytest.fixture
async def back() -> list[str]:
    """Those that were told to be connected again."""
    return []


@pytest.fixture
async def models(tritons: dict[str, FakeTriton], back: list[str]) -> AsyncIterator[ServedModels]:
    """What is known of them."""
    fakes: Any = tritons
    served = ServedModels(fakes, PAIR, back.append)
    yield served
    await served.close()


async def test_it_is_looked_at_once(triton: FakeTriton, models: ServedModels) -> None:
    """Also when many come at the same time."""
    looks = await asyncio.gather(*(models.look("a", "embedder", 1.0) for _ in range(10)))
    assert {*looks, await models.look("a", "embedder", 1.0)} == {PAIR.embedder}
    assert triton.described == {"embedder": 1}


async def test_each_connection_is_looked_at_anew(triton: FakeTriton, models: ServedModels) -> None:
    """It may lead to another Triton, or to one that was restarted with other models."""
    await models.look("a", "embedder", 1.0)
    triton.pair = ModelPair(OTHER_SPACE, PAIR.classifier)
    await models.look("a", "embedder", 1.0)
    await triton.reconnect()
    with capture_logs() as logged:
        for _ in range(2):
            with pytest.raises(ModelUnavailable, match="another embedder"):
                await models.look("a", "embedder", 1.0)
    assert [(line["event"], line["target"], line["version"]) for line in logged] == 2 * [("other_model", "a", "e-2")]
    assert "index the catalogue" in logged[0]["why"]
    triton.pair = PAIR
    await models.look("a", "embedder", 1.0)


async def test_who_is_connected_again_is_told_of(triton: FakeTriton, models: ServedModels, back: list[str]) -> None:
    """So that it is tried before the other one, which may be about to restart, is gone."""
    await models.look("a", "embedder", 1.0)
    assert back == []
    await triton.reconnect()
    await until(lambda: back == ["a"])


async def test_what_was_seen_over_a_connection_that_is_lost_counts_for_nothing(
    triton: FakeTriton, models: ServedModels
) -> None:
    """Though it was asked before that, and answered after it."""
    triton.gate = Gate(is_open=False)
    looking = asyncio.create_task(models.look("a", "embedder", 1.0))
    await triton.gate.was_entered()
    await triton.reconnect()
    triton.gate.open()
    await looking
    await models.look("a", "embedder", 1.0)
    assert triton.described == {"embedder": 2}


async def test_an_answer_of_another_connection_is_confirmed(triton: FakeTriton, models: ServedModels) -> None:
    """It may be another Triton's; one that has gone meanwhile answered before it went, and can't be asked any more."""
    info, connection = await models.look("a", "classifier", 1.0), models.connection("a")
    triton.pair = ModelPair(PAIR.embedder, NEXT)
    await models.confirm("a", info, connection, 1.0)
    await triton.reconnect()
    await until(lambda: models.connection("a") != connection)
    with pytest.raises(ModelUnavailable, match="came back with another classifier"):
        await models.confirm("a", info, connection, 1.0)
    await models.confirm("a", NEXT, connection, 1.0)
    triton.is_connected = False
    await models.confirm("a", info, connection, 1.0)


async def test_a_foreign_classifier_does_not_cost_the_embedder(triton: FakeTriton, models: ServedModels) -> None:
    """Every shard can be searched without one."""
    triton.pair = ModelPair(PAIR.embedder, replace(NEXT, labels=("Spoons",)))
    await models.look("a", "embedder", 1.0)
    with pytest.raises(ModelUnavailable, match="another classifier"):
        await models.look("a", "classifier", 1.0)


async def test_a_classifier_fits_by_what_is_sold_now(triton: FakeTriton, models: ServedModels) -> None:
    """Not by what the one before it knew: snapshots change, and so do classifiers."""
    sold = {"Bags"}
    models.fit_to(lambda: sold)
    hats, spoons = (replace(NEXT, labels=(label,)) for label in ("Hats", "Spoons"))
    triton.pair = ModelPair(PAIR.embedder, hats)
    with capture_logs() as logged, pytest.raises(ModelUnavailable, match="another classifier"):
        await models.look("a", "classifier", 1.0)
    assert "none of the snapshot's categories, such as 'Bags'" in logged[0]["why"]
    sold.add("Spoons")
    triton.pair = ModelPair(PAIR.embedder, spoons)
    assert await models.look("a", "classifier", 1.0) == spoons


async def test_those_that_serve_are_known_and_the_one_seen_last_comes_last(
    tritons: dict[str, FakeTriton], models: ServedModels
) -> None:
    """While Tritons are replaced there are two; back on the way to the old one, that comes last again."""
    assert list(models.classifiers) == [PAIR.classifier]
    for target in tritons:
        await models.look(target, "classifier", 1.0)
    await tritons["a"].reconnect(ModelPair(PAIR.embedder, NEXT))
    await models.look("a", "classifier", 1.0)
    assert list(models.classifiers) == [PAIR.classifier, NEXT]
    await tritons["b"].reconnect(ModelPair(PAIR.embedder, NEXT))
    assert list(models.classifiers) == [NEXT]
    await models.look("b", "classifier", 1.0)
    assert list(models.classifiers) == [NEXT]
    await tritons["a"].reconnect(PAIR)
    await models.look("a", "classifier", 1.0)
    assert list(models.classifiers) == [NEXT, PAIR.classifier]
    assert models.embedder == PAIR.embedder


async def test_when_nobody_is_connected_what_was_seen_last_is_known(triton: FakeTriton, models: ServedModels) -> None:
    """A snapshot can be looked at by it meanwhile."""
    await triton.reconnect(ModelPair(PAIR.embedder, NEXT))
    await models.look("a", "classifier", 1.0)
    models.leave(["a"])
    assert list(models.classifiers) == [NEXT]


async def test_models_are_joined_once_they_are_at_every_triton(
    tritons: dict[str, FakeTriton], models: ServedModels
) -> None:
    """A Triton with one model answers two calls, too; one with two can't answer both in one."""
    assert not models.are_joined
    for target, triton in tritons.items():
        for model in ("embedder", "classifier"):
            await models.look(target, model, 1.0)
        assert not models.are_joined
        await triton.reconnect(joined())
        for model in ("embedder", "classifier"):
            await models.look(target, model, 1.0)
    assert models.are_joined


async def test_a_model_that_is_none_of_ours_is_unavailable(triton: FakeTriton, models: ServedModels) -> None:
    """Its configuration may say nothing that we know."""
    triton.error = FailedPrecondition("no parameter sha256")
    with pytest.raises(ModelUnavailable, match="none of ours: no parameter sha256"):
        await models.look("a", "embedder", 1.0)


async def test_one_that_does_not_say_is_waited_for_until_the_deadline(triton: FakeTriton, models: ServedModels) -> None:
    """By everybody, also those who wait for another one's look."""
    triton.gate = Gate(is_open=False)
    looks = [models.look("a", "embedder", 0.1) for _ in range(5)]
    async with asyncio.timeout(0.3):
        outcomes = await asyncio.gather(*looks, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {DeadlineExceeded}


async def test_one_that_has_left_is_forgotten_and_asked_no_more(triton: FakeTriton, models: ServedModels) -> None:
    """Addresses come and go with every rollout of Triton; what its answers may have come over is no question then."""
    info, connection = await models.look("a", "embedder", 1.0), models.connection("a")
    models.leave(["a", "b"])
    assert (models._watched, models.connection("a")) == ({}, 0)
    await models.confirm("a", info, connection, 1.0)
    with pytest.raises(ModelUnavailable, match="has left"):
        await models.look("a", "embedder", 1.0)
    models.join(["a"])
    assert models.connection("a") != connection
    await models.look("a", "embedder", 1.0)
    assert triton.described == {"embedder": 2}
