"""Carrying out plans over fakes: waves, filling up, what is waited for and what is asked again."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from services.common.errors import DeadlineExceeded, Unavailable
from services.gateway.answering.budget import Budget
from services.gateway.answering.coverage import ShardState
from services.gateway.answering.gathering import Gatherer, GatherRules, merged
from services.gateway.answering.merging import ShardHits
from services.gateway.answering.plan import Plan, RankedShard, Scoring
from services.gateway.answering.scatter import ShardAnswer, ShardQuery
from services.gateway.replicas.hedging import Reply
from services.relevance.scoring import UNFITTED
from tests.support.clocks import ManualClock
from tests.support.gateway import KEY, RULES, FakeSearchers, Gate, until

SLUGS = ("bags", "coats", "hats", "shoes")


def ranked(*slugs: str) -> tuple[RankedShard, ...]:
    return tuple(RankedShard(slug, slug.capitalize(), 0.25, UNFITTED) for slug in slugs)


def two_waves(weak_below: float = 0.5) -> Plan:
    """Bags and coats first, hats and shoes when they find nothing that is at least so probable."""
    return Plan(ranked("bags", "coats"), Scoring(), ranked("hats", "shoes"), weak_below)


async def gathered(
    plan: Plan,
    searchers: FakeSearchers,
    *,
    top_k: int = 3,
    exact: bool = False,
    batch: bool = False,
    clock: Callable[[], float] | None = None,
    seconds: float = 1.0,
    rules: GatherRules = RULES.gather,
    minimum_coverage: float = 0.0,
    extras: bool = True,
) -> list[ShardAnswer]:
    clock = clock or ManualClock()
    query = ShardQuery(KEY, b"vector", top_k, exact, batch=batch)
    budget = Budget.begin(clock(), seconds, RULES.budget)
    return await Gatherer(searchers, rules, clock).gather(
        plan, query, budget, minimum_coverage=minimum_coverage, extras=extras
    )


def states(answers: Sequence[ShardAnswer]) -> list[tuple[str, ShardState, int]]:
    return [(answer.shard.slug, answer.state, answer.wave) for answer in answers]


# 0.5 is where the unfitted map has even odds.
@pytest.mark.parametrize(("best", "asked"), [(0.5, ["bags", "coats"]), (0.49, list(SLUGS))])
async def test_a_second_wave_follows_a_weak_first_one_only(best: float, asked: list[str]) -> None:
    """The best hit of all first shards decides; every shard is asked once, and coverage has each with its wave."""
    searchers = FakeSearchers({"bags": {"tote": best}, "coats": {"loden": 0.1}, "hats": {"cap": 0.9}})
    answers = await gathered(two_waves(), searchers, top_k=1)
    assert searchers.asked == dict.fromkeys(asked, 1)
    assert states(answers) == [
        (slug, ShardState.ANSWERED, 1 if slug in ("bags", "coats") else 2) for slug in SLUGS if slug in asked
    ]


async def test_the_second_wave_waits_for_the_first() -> None:
    """Nobody knows that the first is weak before it has ended."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers({"bags": {"tote": 0.1}, "coats": {}}, gates={"coats": gate})
    gathering = asyncio.create_task(gathered(two_waves(), searchers))
    await gate.was_entered()
    await asyncio.sleep(0)
    assert set(searchers.asked) == {"bags", "coats"}
    gate.open()
    await gathering
    assert set(searchers.asked) == set(SLUGS)


async def test_a_first_wave_that_is_lost_is_weak() -> None:
    """Who found nothing has to look elsewhere; what was lost stays in coverage."""
    searchers = FakeSearchers(errors={"bags": Unavailable("gone"), "coats": Unavailable("gone")})
    answers = await gathered(two_waves(), searchers)
    assert [state for _, state, _ in states(answers)] == [ShardState.FAILED] * 2 + [ShardState.ANSWERED] * 2


async def test_what_the_second_wave_finds_late_is_a_late_shard() -> None:
    """Never an error, and all that was found in time is there."""
    searchers = FakeSearchers({"bags": {"tote": 0.1}, "coats": {}}, errors={"hats": DeadlineExceeded("too late")})
    answers = await gathered(two_waves(), searchers)
    assert states(answers)[2:] == [("hats", ShardState.LATE, 2), ("shoes", ShardState.ANSWERED, 2)]
    assert [hit.product_id for hit in merged(answers, Scoring(), 9)] == ["shoes-product", "tote"]


@pytest.mark.parametrize(("first_seconds", "second"), [(0.4, ShardState.ANSWERED), (0.6, ShardState.SKIPPED)])
async def test_the_second_wave_has_what_the_first_left(first_seconds: float, second: ShardState) -> None:
    """The first has the whole second; another one that takes as long must fit, or is said to be skipped."""
    clock, gate = ManualClock(), Gate(is_open=False)
    searchers = FakeSearchers({"bags": {"tote": 0.1}, "coats": {}}, gates={"bags": gate})
    gathering = asyncio.create_task(gathered(two_waves(), searchers, clock=clock, seconds=1.005))
    await gate.was_entered()
    assert searchers.timeouts["bags"] == pytest.approx(1.0)
    clock.advance(first_seconds)
    gate.open()
    answers = await gathering
    assert [(state, wave) for _, state, wave in states(answers)[2:]] == [(second, 2)] * 2
    if second is ShardState.ANSWERED:
        assert searchers.timeouts["hats"] == pytest.approx(0.6)
    else:
        assert "deadline" in answers[2].detail
        assert "hats" not in searchers.asked


async def test_without_time_for_the_first_wave_nobody_is_asked() -> None:
    """That is an error, for there is no answer."""
    searchers = FakeSearchers()
    with pytest.raises(DeadlineExceeded):
        await gathered(two_waves(), searchers, seconds=0.004)
    assert searchers.asked == {}


async def test_a_short_answer_is_filled_by_those_who_have_more() -> None:
    """The shard whose index gave up compares exactly, the exhausted one is left alone; state and wave stay."""
    products = {"bags": {"tote": 0.9}, "coats": {"loden": 0.8, "parka": 0.7, "tote": 0.6}}
    searchers = FakeSearchers(products, reach={"coats": 1})
    answers = await gathered(Plan(ranked("bags", "coats"), Scoring()), searchers)
    assert searchers.asked == {"bags": 1, "coats": 2}
    assert [query.exact for query in searchers.queries] == [False, False, True]
    assert [hit.product_id for hit in merged(answers, Scoring(), 3)] == ["tote", "loden", "parka"]
    assert states(answers) == [("bags", ShardState.ANSWERED, 1), ("coats", ShardState.ANSWERED, 1)]
    assert [answer.coverage.exhausted for answer in answers] == [True, True]


async def test_nobody_is_asked_again_when_there_are_enough() -> None:
    """Also when some shard could give more."""
    products = {"bags": {"tote": 0.9}, "coats": {"loden": 0.8, "parka": 0.7}}
    searchers = FakeSearchers(products, reach={"coats": 1})
    await gathered(Plan(ranked("bags", "coats"), Scoring()), searchers, top_k=2)
    assert searchers.asked == {"bags": 1, "coats": 1}


async def test_a_shard_that_was_asked_twice_took_both_times() -> None:
    """Else the gateway would be blamed for the second one."""
    clock, searchers = ManualClock(), FakeSearchers({"coats": {"loden": 0.8, "parka": 0.7}}, reach={"coats": 1})

    class Slow:
        async def search(
            self, shard: RankedShard, query: ShardQuery, timeout_seconds: float, hedge_weight: float | None
        ) -> Reply[ShardHits]:
            clock.advance(0.2 if query.exact else 0.1)
            return await searchers.search(shard, query, timeout_seconds, hedge_weight)

    budget = Budget.begin(clock(), 1.0, RULES.budget)
    plan = Plan(ranked("coats"), Scoring())
    (answer,) = await Gatherer(Slow(), RULES.gather, clock).gather(
        plan, ShardQuery(KEY, b"vector", 3, exact=False), budget
    )
    assert answer.latency_seconds == pytest.approx(0.3)


async def test_what_was_found_is_kept_when_filling_fails() -> None:
    """A shorter answer, which says that the shard has more; asked for once again, not for ever."""
    products = {"coats": {"loden": 0.8, "parka": 0.7}}
    searchers = FakeSearchers(products, reach={"coats": 1}, exact_error=Unavailable("gone"))
    answers = await gathered(Plan(ranked("coats"), Scoring()), searchers)
    assert states(answers) == [("coats", ShardState.ANSWERED, 1)]
    assert [hit.product_id for hit in merged(answers, Scoring(), 3)] == ["loden"]
    assert not answers[0].coverage.exhausted
    assert searchers.asked == {"coats": 2}


async def test_filling_needs_time() -> None:
    """A shard that took most of the time is not asked for as much again."""
    clock, gate = ManualClock(), Gate(is_open=False)
    searchers = FakeSearchers({"coats": {"loden": 0.8, "parka": 0.7}}, reach={"coats": 1}, gates={"coats": gate})
    gathering = asyncio.create_task(gathered(Plan(ranked("coats"), Scoring()), searchers, clock=clock))
    await gate.was_entered()
    clock.advance(0.6)
    gate.open()
    await gathering
    assert searchers.asked == {"coats": 1}


async def test_a_busy_service_does_what_it_must_and_no_more() -> None:
    """No second wave, which is said to be skipped; no hedges, and nothing is asked twice."""
    searchers = FakeSearchers({"bags": {"tote": 0.1}, "coats": {"loden": 0.1}}, reach={"bags": 0})
    answers = await gathered(two_waves(), searchers, extras=False)
    assert searchers.asked == {"bags": 1, "coats": 1}
    assert set(searchers.weights.values()) == {None}
    assert [state for _, state, _ in states(answers)] == [ShardState.ANSWERED] * 2 + [ShardState.SKIPPED] * 2
    assert "busy" in answers[2].detail


def of_masses(**masses: float) -> Plan:
    """One wave of shards with these probabilities."""
    shards = (RankedShard(slug, slug.capitalize(), mass, UNFITTED) for slug, mass in masses.items())
    return Plan(tuple(shards), Scoring())


IMPATIENT = GatherRules(light_mass=0.05, light_seconds=0.02)


async def test_a_light_shard_is_not_waited_for_long() -> None:
    """The answer is there after the 20 ms that it has, and says what is missing; the call is given up."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers(gates={"hats": gate})
    clock = asyncio.get_running_loop().time
    began = clock()
    answers = await gathered(of_masses(bags=0.9, coats=0.06, hats=0.04), searchers, rules=IMPATIENT, clock=clock)
    assert 0.015 < clock() - began < 0.5
    assert states(answers)[2] == ("hats", ShardState.LATE, 1)
    assert "0.040 of the mass" in answers[2].detail
    await until(lambda: gate.cancelled == 1)


async def test_a_second_wave_of_one_light_shard_is_not_waited_for_long() -> None:
    """What the first wave found is the answer, though nothing else of the second could be waited for."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers({"bags": {"tote": 0.1}}, gates={"hats": gate})
    plan = replace(of_masses(bags=0.96), second=of_masses(hats=0.04).first, weak_below=0.9)
    answers = await gathered(plan, searchers, rules=IMPATIENT, clock=asyncio.get_running_loop().time)
    assert states(answers) == [("bags", ShardState.ANSWERED, 1), ("hats", ShardState.LATE, 2)]
    await until(lambda: gate.cancelled == 1)


@pytest.mark.parametrize("minimum_coverage", [0.0, 0.99])
async def test_what_is_needed_is_waited_for(minimum_coverage: float) -> None:
    """A heavy shard, two light ones that are heavy together, or a light one without which coverage is too low."""
    gates = {slug: Gate(is_open=False) for slug in (("hats",) if minimum_coverage else ("coats", "hats"))}
    searchers = FakeSearchers(gates=gates)
    plan = of_masses(bags=0.92, coats=0.04, hats=0.04)
    gathering = asyncio.create_task(
        gathered(
            plan, searchers, rules=IMPATIENT, clock=asyncio.get_running_loop().time, minimum_coverage=minimum_coverage
        )
    )
    await asyncio.sleep(0.1)
    assert not gathering.done()
    for gate in gates.values():
        gate.open()
    assert {state for _, state, _ in states(await gathering)} == {ShardState.ANSWERED}


async def test_what_a_wave_needs_is_waited_for_whatever_the_next_could_bring() -> None:
    """The second wave may not come: the first one's light shard is needed."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers({"bags": {"tote": 9.0}}, gates={"hats": gate})
    first = of_masses(bags=0.8, hats=0.04)
    plan = replace(first, second=of_masses(coats=0.15).first, weak_below=0.0)
    clock = asyncio.get_running_loop().time
    gathering = asyncio.create_task(gathered(plan, searchers, rules=IMPATIENT, clock=clock, minimum_coverage=0.84))
    await asyncio.sleep(0.1)
    assert not gathering.done()
    gate.open()
    await gathering


async def test_a_plan_that_is_light_as_a_whole_is_waited_for() -> None:
    """A classifier that hardly knows gives TOP_1 a shard of 4 %: without it there would be no answer at all."""
    gate = Gate(is_open=False)
    clock = asyncio.get_running_loop().time
    plan = of_masses(bags=0.04)
    gathering = asyncio.create_task(gathered(plan, FakeSearchers(gates={"bags": gate}), rules=IMPATIENT, clock=clock))
    await asyncio.sleep(0.1)
    assert not gathering.done()
    gate.open()
    assert states(await gathering) == [("bags", ShardState.ANSWERED, 1)]


async def test_one_that_is_lost_does_not_make_light_ones_be_waited_for() -> None:
    """What it stands for is missing in any case."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers(gates={"hats": gate}, errors={"bags": Unavailable("gone")})
    clock = asyncio.get_running_loop().time
    began = clock()
    answers = await gathered(of_masses(bags=0.5, coats=0.46, hats=0.04), searchers, rules=IMPATIENT, clock=clock)
    assert clock() - began < 0.5
    assert [state for _, state, _ in states(answers)] == [ShardState.FAILED, ShardState.ANSWERED, ShardState.LATE]


async def test_what_the_caller_needs_is_waited_for_the_more_when_another_is_lost() -> None:
    """Without the lost one only the light one can still bring the answer to the minimum."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers(gates={"hats": gate}, errors={"socks": Unavailable("gone")})
    clock = asyncio.get_running_loop().time
    plan = of_masses(bags=0.52, coats=0.41, hats=0.04, socks=0.03)
    gathering = asyncio.create_task(gathered(plan, searchers, rules=IMPATIENT, clock=clock, minimum_coverage=0.96))
    await asyncio.sleep(0.1)
    assert not gathering.done()
    gate.open()
    assert sum(answer.shard.probability for answer in await gathering if answer.state.answered) >= 0.96


async def test_when_the_minimum_is_out_of_reach_light_ones_are_not_waited_for() -> None:
    """The caller hears that it is too little, and need not wait for that."""
    searchers = FakeSearchers(gates={"hats": Gate(is_open=False)}, errors={"bags": Unavailable("gone")})
    clock = asyncio.get_running_loop().time
    plan = of_masses(bags=0.52, coats=0.44, hats=0.04)
    async with asyncio.timeout(1.0):
        answers = await gathered(plan, searchers, rules=IMPATIENT, clock=clock, minimum_coverage=0.96)
    assert [state for _, state, _ in states(answers)] == [ShardState.FAILED, ShardState.ANSWERED, ShardState.LATE]


async def test_a_job_is_not_hedged() -> None:
    """It waits behind people by rule."""
    searchers = FakeSearchers()
    await gathered(of_masses(bags=1.0), searchers, batch=True)
    assert searchers.weights == {"bags": None}


async def test_who_waits_for_all_waits_for_the_weightless_too() -> None:
    """A category that the classifier does not know stands for nothing, and ALL means all."""
    gate = Gate(is_open=False)
    searchers = FakeSearchers(gates={"hats": gate})
    gathering = asyncio.create_task(gathered(of_masses(bags=1.0, hats=0.0), searchers))
    await asyncio.sleep(0.05)
    assert not gathering.done()
    gate.open()
    assert {state for _, state, _ in states(await gathering)} == {ShardState.ANSWERED}


async def test_the_heavier_a_shard_the_earlier_it_is_hedged_and_light_ones_never() -> None:
    """What is not waited for need not be asked twice."""
    searchers = FakeSearchers()
    await gathered(of_masses(bags=0.9, coats=0.06, hats=0.04), searchers, rules=IMPATIENT)
    assert searchers.weights == {"bags": 0.9, "coats": 0.06, "hats": None}


async def test_many_shards_that_are_light_each_are_hedged_for_what_they_are_together() -> None:
    """Only what may be missing is not: of twenty even ones a single one."""
    searchers = FakeSearchers()
    await gathered(of_masses(**{f"shard{number}": 1 / 20 for number in range(20)}), searchers, rules=IMPATIENT)
    assert list(searchers.weights.values()).count(None) <= 1


async def test_who_waits_for_all_hedges_the_weightless_too() -> None:
    """What is waited for is worth a second call, however little it stands for."""
    searchers = FakeSearchers()
    await gathered(of_masses(bags=1.0, hats=0.0), searchers)
    assert searchers.weights == {"bags": 1.0, "hats": 0.0}


async def test_an_answer_of_a_second_replica_is_an_answer() -> None:
    """And says so."""
    answers = await gathered(of_masses(bags=1.0), FakeSearchers(hedged=("bags",)))
    assert states(answers) == [("bags", ShardState.HEDGED, 1)]
    assert answers[0].hits is not None


async def test_exact_is_passed_on() -> None:
    """To both waves."""
    searchers = FakeSearchers({"bags": {"tote": 0.1}, "coats": {"loden": 0.1}})
    await gathered(two_waves(), searchers, exact=True)
    assert {query.exact for query in searchers.queries} == {True}
    assert len(searchers.queries) == 4
