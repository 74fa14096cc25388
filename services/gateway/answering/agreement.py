"""How often the routed answer agrees with an exact search of everything, measured on a share of the live queries.

Routing that slowly gets worse makes no error and no late answer: nobody would notice. So some queries are searched
again in every shard, exactly, after their callers have been answered.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from services.common.telemetry import get_logger
from services.gateway.answering.gathering import merged
from services.gateway.answering.merging import Hit
from services.gateway.answering.plan import RankedShard, Scoring
from services.gateway.answering.query import Policy
from services.gateway.answering.scatter import Patience, Searchers, ShardAnswer, ShardQuery, scatter

_log = get_logger()

ROUTED_POLICIES = frozenset({Policy.TOP_1, Policy.TOP_P, Policy.ADAPTIVE})
"""Policies under which the classifier decides where to look."""

CheckOutcome = Literal["compared", "partial", "skipped", "failed"]
"""What became of a query that was drawn: `partial` lacked a shard, `skipped` met a busy gateway."""


@dataclass(frozen=True, slots=True)
class Routed:
    """A complete answer for which the classifier chose the shards, and what it takes to search everywhere instead.

    Attributes:
        policy: one of `ROUTED_POLICIES`.
        query: what the shards were asked.
        shards: every category's, as the classifier ranked them.
        scoring: how hits were made comparable.
        hits: what was answered.
    """

    policy: Policy
    query: ShardQuery
    shards: Sequence[RankedShard]
    scoring: Scoring
    hits: Sequence[Hit]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a routed answer compares with the exact one.

    Attributes:
        best_product: whether both have the same product first.
        overlap: share of the exact answer's products that the routed answer has, in [0, 1].
    """

    best_product: bool
    overlap: float


def compare(routed: Sequence[Hit], exact: Sequence[Hit]) -> Agreement:
    """Compare a routed answer with the exact one; both best first, asked for as many products."""
    best = [hits[0].product_id if hits else None for hits in (routed, exact)]
    products = {hit.product_id for hit in exact}
    common = products & {hit.product_id for hit in routed}
    return Agreement(best[0] == best[1], len(common) / len(products) if products else 1.0)


@dataclass(frozen=True, slots=True)
class AgreementRules:
    """How much may be spent on it.

    Attributes:
        share: share of the routed answers that is checked, in [0, 1].
        in_flight: checks at once, at least 1.
        busy_above: photos in work above which none is begun.
        timeout_seconds: time for one check.
    """

    share: float
    in_flight: int
    busy_above: int
    timeout_seconds: float


class AgreementRecord(Protocol):
    """Where the figures go."""

    def drawn(self, policy: Policy, outcome: CheckOutcome) -> None:
        """Count a query that was drawn."""
        ...

    def compared(self, policy: Policy, agreement: Agreement) -> None:
        """Note how a routed answer compares with the exact one."""
        ...


class AgreementCheck:
    """Searches some of the routed queries again, in the background."""

    def __init__(
        self,
        searchers: Searchers,
        rules: AgreementRules,
        record: AgreementRecord,
        *,
        draw: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        """Create it.

        Args:
            searchers: the searchers that also serve the callers.
            rules: how much may be spent.
            record: where the figures go.
            draw: gives random numbers, even in [0, 1).
            clock: seconds, monotonic.
        """
        self._searchers = searchers
        self._rules = rules
        self._record = record
        self._draw = draw
        self._clock = clock
        self._running: set[asyncio.Task[None]] = set()
        self._ending = False

    def consider(self, routed: Routed, others_in_work: int) -> None:
        """Check this answer if the lot falls on it and there is room; returns at once.

        Args:
            routed: an answer that is complete: what a lost shard cost is not the routing's fault.
            others_in_work: photos that the gateway is working on besides.
        """
        if self._ending or self._draw() >= self._rules.share:
            return
        if len(self._running) >= self._rules.in_flight or others_in_work > self._rules.busy_above:
            self._record.drawn(routed.policy, "skipped")
            return
        checking = asyncio.create_task(self._check(routed))
        self._running.add(checking)
        checking.add_done_callback(self._running.discard)

    def drain(self) -> None:
        """Begin no more, and give up those that are running."""
        self._ending = True
        for checking in self._running:
            checking.cancel()

    async def close(self) -> None:
        """End; when this returns, nothing is running."""
        self.drain()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _check(self, routed: Routed) -> None:
        try:
            answers = await self._everywhere(routed)
            if answers is not None:
                exact = merged(answers, routed.scoring, routed.query.top_k)
                self._record.compared(routed.policy, compare(routed.hits, exact))
            self._record.drawn(routed.policy, "partial" if answers is None else "compared")
        except Exception:  # noqa: BLE001 - nobody awaits this task: what is not logged here is lost
            _log.exception("agreement_check_failed")
            self._record.drawn(routed.policy, "failed")

    async def _everywhere(self, routed: Routed) -> list[ShardAnswer] | None:
        """Return every shard's exact answer, None when one is missing.

        One shard after the other: callers must never wait for more than one scan of ours.
        """
        query = replace(routed.query, exact=True, coarse=False, batch=True)
        deadline = self._clock() + self._rules.timeout_seconds
        answers: list[ShardAnswer] = []
        for shard in routed.shards:
            patience = Patience(max(0.0, deadline - self._clock()))
            answers += await scatter(self._searchers, [shard], query, patience, clock=self._clock)
            if answers[-1].hits is None:
                return None
        return answers
