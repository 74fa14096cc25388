"""Carrying out a plan: the first wave, a second one when the first is weak, and filling up what came out short."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from services.gateway.answering.budget import Budget
from services.gateway.answering.coverage import ShardState
from services.gateway.answering.filling import to_ask_exactly
from services.gateway.answering.merging import Hit, merge_top_k
from services.gateway.answering.plan import Plan, RankedShard, Scoring
from services.gateway.answering.scatter import Patience, Searchers, ShardAnswer, ShardQuery, scatter


def merged(answers: Sequence[ShardAnswer], scoring: Scoring, top_k: int) -> tuple[Hit, ...]:
    """Return the best `top_k` distinct products of all that was found, best first."""
    found = [(answer.shard, answer.hits) for answer in answers if answer.hits is not None]
    return merge_top_k([(hits, scoring.log_odds(shard, hits.similarities)) for shard, hits in found], top_k)


@dataclass(frozen=True, slots=True)
class GatherRules:
    """How far to go for an answer.

    Attributes:
        light_mass: mass that may be missing from an answer rather than kept waiting for.
        light_seconds: how long it is waited for all the same.
    """

    light_mass: float
    light_seconds: float


class Gatherer:
    """Asks the planned shards, wave by wave, within the budget."""

    def __init__(self, searchers: Searchers, rules: GatherRules, clock: Callable[[], float]) -> None:
        """Create it; `clock` gives seconds, monotonic."""
        self._searchers = searchers
        self._rules = rules
        self._clock = clock

    async def gather(
        self, plan: Plan, query: ShardQuery, budget: Budget, *, minimum_coverage: float = 0.0, extras: bool = True
    ) -> list[ShardAnswer]:
        """Return what became of every planned shard, likeliest first.

        Args:
            plan: which shards, in which waves.
            query: what to ask them.
            budget: of the request.
            minimum_coverage: mass without which the answer is of no use: it is waited for, however light.
            extras: whether there may be a second wave, hedges, and a second look at what came out short.

        Raises:
            DeadlineExceeded: no time was left for the first wave; what comes later is never an error.
        """
        began = self._clock()
        hopeless_mass = max(0.0, _mass(plan.first) + _mass(plan.second) - minimum_coverage)

        def patience(seconds: float, mass: float) -> Patience:
            """Wait so long for shards that bring the answer to a mass, if all of them answer."""
            spare = max(0.0, mass - minimum_coverage)
            hedges = extras and not query.batch  # a job's search waits by rule: no reason to ask another replica
            light = self._rules.light_mass * min(1.0, mass)  # of what is planned: a whole plan is never light
            return Patience(seconds, light, spare, hopeless_mass, self._rules.light_seconds, hedges=hedges)

        answers = await self._ask(plan.first, query, patience(budget.for_scatter(began), _mass(plan.first)))
        best = merged(answers, plan.scoring, 1) if plan.second else ()
        if plan.continues(best[0].score if best else None):
            seconds = budget.for_another_wave(self._clock(), self._clock() - began) if extras else None
            if seconds is None:
                answers += [_skipped(shard, extras=extras) for shard in plan.second]
            else:
                mass = _mass(answer.shard for answer in answers if answer.state.answered) + _mass(plan.second)
                answers += await self._ask(plan.second, query, patience(seconds, mass), wave=2)
        return await self._filled(answers, query, budget, patience) if extras else answers

    async def _ask(
        self, shards: Sequence[RankedShard], query: ShardQuery, patience: Patience, wave: int = 1
    ) -> list[ShardAnswer]:
        return await scatter(self._searchers, shards, query, patience, clock=self._clock, wave=wave)

    async def _filled(
        self,
        answers: list[ShardAnswer],
        query: ShardQuery,
        budget: Budget,
        patience: Callable[[float, float], Patience],
    ) -> list[ShardAnswer]:
        """Return the answers, with those of the shards that had more to give when they are short of products."""
        places = to_ask_exactly([answer.hits for answer in answers], query.top_k)
        slowest = max((answers[place].latency_seconds for place in places), default=0.0)
        seconds = budget.for_another_wave(self._clock(), slowest)
        if not places or seconds is None:
            return answers
        shards = [answers[place].shard for place in places]
        again = await self._ask(shards, replace(query, exact=True), patience(seconds, 1.0))
        filled = list(answers)
        for place, fuller in zip(places, again, strict=True):
            before = answers[place]
            filled[place] = replace(
                before,
                hits=before.hits if fuller.hits is None else fuller.hits,  # asking again may have failed
                latency_seconds=before.latency_seconds + fuller.latency_seconds,
            )
        return filled


def _mass(shards: Iterable[RankedShard]) -> float:
    return sum(shard.probability for shard in shards)


def _skipped(shard: RankedShard, *, extras: bool) -> ShardAnswer:
    lack = "too little of the deadline was left" if extras else "the service is too busy"
    why = f"nothing convincing was found, and {lack} to search further"
    return ShardAnswer(shard, None, ShardState.SKIPPED, 0.0, why, wave=2)
