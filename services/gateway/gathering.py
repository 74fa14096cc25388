"""Carrying out a plan: the first wave, a second one when the first is weak, and filling up what came out short."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.gateway.budget import Budget
from services.gateway.coverage import ShardState
from services.gateway.filling import to_ask_exactly
from services.gateway.merging import Hit, merge_top_k
from services.gateway.plan import Plan, Scoring
from services.gateway.scatter import Searchers, ShardAnswer, ShardQuery, scatter


def merged(answers: Sequence[ShardAnswer], scoring: Scoring, top_k: int) -> tuple[Hit, ...]:
    """Return the best `top_k` distinct products of all that was found, best first."""
    found = [(answer.shard, answer.hits) for answer in answers if answer.hits is not None]
    return merge_top_k([(hits, scoring.log_odds(shard, hits.similarities)) for shard, hits in found], top_k)


class Gatherer:
    """Asks the planned shards, wave by wave, within the budget."""

    def __init__(self, searchers: Searchers, clock: Callable[[], float]) -> None:
        """Create it; `clock` gives seconds, monotonic."""
        self._searchers = searchers
        self._clock = clock

    async def gather(self, plan: Plan, query: ShardQuery, budget: Budget) -> list[ShardAnswer]:
        """Return what became of every planned shard, likeliest first.

        Raises:
            DeadlineExceeded: no time was left for the first wave; what comes later is never an error.
        """
        began = self._clock()
        answers = await scatter(self._searchers, plan.first, query, budget.for_scatter(began), clock=self._clock)
        best = merged(answers, plan.scoring, 1) if plan.second else ()
        if plan.continues(best[0].score if best else None):
            answers += await self._second_wave(plan, query, budget, first_seconds=self._clock() - began)
        return await self._filled(answers, query, budget)

    async def _second_wave(
        self, plan: Plan, query: ShardQuery, budget: Budget, first_seconds: float
    ) -> list[ShardAnswer]:
        seconds = budget.for_another_wave(self._clock(), first_seconds)
        if seconds is None:
            why = "nothing convincing was found, and too little of the deadline was left to search further"
            return [ShardAnswer(shard, None, ShardState.SKIPPED, 0.0, why, wave=2) for shard in plan.second]
        return await scatter(self._searchers, plan.second, query, seconds, clock=self._clock, wave=2)

    async def _filled(self, answers: list[ShardAnswer], query: ShardQuery, budget: Budget) -> list[ShardAnswer]:
        """Return the answers, with those of the shards that had more to give when they are short of products."""
        places = to_ask_exactly([answer.hits for answer in answers], query.top_k)
        slowest = max((answers[place].latency_seconds for place in places), default=0.0)
        seconds = budget.for_another_wave(self._clock(), slowest)
        if not places or seconds is None:
            return answers
        shards = [answers[place].shard for place in places]
        again = await scatter(self._searchers, shards, replace(query, exact=True), seconds, clock=self._clock)
        filled = list(answers)
        for place, fuller in zip(places, again, strict=True):
            before = answers[place]
            filled[place] = replace(
                before,
                hits=before.hits if fuller.hits is None else fuller.hits,  # asking again may have failed
                latency_seconds=before.latency_seconds + fuller.latency_seconds,
            )
        return filled
