"""The use case over fakes: its time, its limit of photos in work, and who is cancelled with whom."""

import asyncio
from collections.abc import Callable

import pytest

from services.common.admission import AdmissionRules
from services.common.concurrency_limit import LimitRules
from services.common.errors import (
    DeadlineExceeded,
    ImageUnreadable,
    InvalidArgument,
    Overloaded,
)
from tests.support.clocks import ManualClock
from tests.support.gateway import (
    CATEGORIES,
    FakeDecoder,
    FakeModels,
    FakeSearchers,
    Gate,
    photo_search,
    query,
    until,
)


async def test_every_stage_gets_its_part_of_the_budget() -> None:
    """A caller with 1.005 s: both models 0.8 s; after 0.6 s of them, the shards have the remaining 0.4 s."""
    clock, models, searchers = ManualClock(), FakeModels(embedding=Gate(is_open=False)), FakeSearchers()
    search = photo_search(models=models, searchers=searchers, clock=clock)
    answering = asyncio.create_task(search.answer(query(), 1.005))
    await models.embedding.was_entered()
    clock.advance(0.6)
    models.embedding.open()
    answer = await answering
    assert models.timeouts == {"embedder": pytest.approx(0.8), "classifier": pytest.approx(0.8)}
    assert searchers.timeouts == {category.lower(): pytest.approx(0.4) for category in CATEGORIES}
    assert answer.stage_seconds["embed"] == pytest.approx(0.6)
    assert answer.stage_seconds["total"] == pytest.approx(0.6)


@pytest.mark.parametrize("remaining_seconds", [0.0, -1.0, 0.004])
async def test_no_time_left_is_told_before_any_work(remaining_seconds: float) -> None:
    """A deadline that has passed, or that leaves less than the way back takes."""
    decoder = FakeDecoder()
    with pytest.raises(DeadlineExceeded):
        await photo_search(decoder=decoder).answer(query(), remaining_seconds)
    assert decoder.asked == []


async def test_models_that_used_up_the_time_leave_no_shard_call_behind() -> None:
    """DEADLINE_EXCEEDED, and no searcher is bothered."""
    clock, models, searchers = ManualClock(), FakeModels(embedding=Gate(is_open=False)), FakeSearchers()
    answering = asyncio.create_task(photo_search(models=models, searchers=searchers, clock=clock).answer(query(), 1.0))
    await models.embedding.was_entered()
    clock.advance(1.0)
    models.embedding.open()
    with pytest.raises(DeadlineExceeded, match="search"):
        await answering
    assert searchers.asked == {}


async def test_a_photo_that_takes_too_long_to_decode_is_given_up() -> None:
    """The caller hears of it within its deadline."""
    decoder = FakeDecoder(gate=Gate(is_open=False))
    with pytest.raises(DeadlineExceeded, match="decoded"):
        await photo_search(decoder=decoder).answer(query(), 0.03)
    assert decoder.gate.cancelled == 1


def admission(places: int) -> AdmissionRules:
    """So many at once, and nobody waits."""
    return AdmissionRules(LimitRules(least=places, most=places), max_waiting=0)


Stuck = Callable[[], tuple[FakeDecoder, FakeModels, FakeSearchers, list[Gate]]]


def _in_decode() -> tuple[FakeDecoder, FakeModels, FakeSearchers, list[Gate]]:
    gate = Gate(is_open=False)
    return FakeDecoder(gate=gate), FakeModels(), FakeSearchers(), [gate]


def _in_models() -> tuple[FakeDecoder, FakeModels, FakeSearchers, list[Gate]]:
    gates = [Gate(is_open=False), Gate(is_open=False)]
    return FakeDecoder(), FakeModels(embedding=gates[0], classifying=gates[1]), FakeSearchers(), gates


def _in_classifier() -> tuple[FakeDecoder, FakeModels, FakeSearchers, list[Gate]]:
    gate = Gate(is_open=False)
    return FakeDecoder(), FakeModels(classifying=gate), FakeSearchers(), [gate]


def _in_shards() -> tuple[FakeDecoder, FakeModels, FakeSearchers, list[Gate]]:
    gates = {"coats": Gate(is_open=False), "shoes": Gate(is_open=False)}
    return FakeDecoder(), FakeModels(), FakeSearchers(gates=gates), list(gates.values())


@pytest.mark.parametrize("stuck", [_in_decode, _in_models, _in_classifier, _in_shards])
async def test_a_cancelled_caller_cancels_every_child(stuck: Stuck) -> None:
    """In whatever stage it is, nothing goes on for nobody, and its place is free again."""
    decoder, models, searchers, gates = stuck()
    search = photo_search(decoder=decoder, models=models, searchers=searchers, admission=admission(1))
    answering = asyncio.create_task(search.answer(query(), None))
    for gate in gates:
        await gate.was_entered()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    await until(lambda: all(gate.cancelled == gate.entered == 1 for gate in gates))
    for gate in gates:
        gate.open()
    await search.answer(query(), None)


async def test_a_defect_of_one_shard_s_call_cancels_the_others() -> None:
    """What is no error of ours ends the answer, and leaves no call behind."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers(errors={"coats": ZeroDivisionError()}, gates={"shoes": gate})
    with pytest.raises(ZeroDivisionError):
        await photo_search(searchers=searchers).answer(query(), None)
    await until(lambda: gate.cancelled == 1)


async def test_more_photos_than_fit_are_refused_at_once() -> None:
    """The one too many is told when to come back; when one has gone there is room again, also after an error."""
    gate = Gate(is_open=False)
    decoder = FakeDecoder(gate=gate)
    search = photo_search(decoder=decoder, admission=admission(2))
    working = [asyncio.create_task(search.answer(query(), None)) for _ in range(2)]
    await gate.was_entered(2)
    with pytest.raises(Overloaded) as refused:
        await search.answer(query(), None)
    assert refused.value.retry_after_seconds is not None
    decoder.error = ImageUnreadable("torn")
    gate.open()
    assert all(isinstance(e, InvalidArgument) for e in await asyncio.gather(*working, return_exceptions=True))
    decoder.error = None
    await search.answer(query(), None)
