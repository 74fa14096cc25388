"""Asking shards: all of a wave at once, each waited for by its worth; what becomes of it is a value. Knows no gRPC."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.common.errors import AisleError, DeadlineExceeded
from services.common.requests import remark
from services.common.telemetry import get_logger
from services.filters.predicate import Predicate
from services.gateway.answering.catalog import SnapshotKey
from services.gateway.answering.coverage import ShardCoverage, ShardState
from services.gateway.answering.merging import ShardHits
from services.gateway.answering.plan import RankedShard
from services.gateway.replicas.hedging import Reply

_log = get_logger()


@dataclass(frozen=True, slots=True)
class ShardQuery:
    """What every shard is asked.

    Attributes:
        snapshot: what is searched; no searcher answers from another.
        vector: the query vector, little-endian float32.
        top_k: distinct products wanted.
        exact: whether to compare with every picture instead of using the index.
        coarse: whether the index may look less closely than usual.
        batch: whether a job waits for it and no person.
        predicate: what the attributes of a picture must be like; None for anything.
    """

    snapshot: SnapshotKey
    vector: bytes
    top_k: int
    exact: bool
    coarse: bool = False
    batch: bool = False
    predicate: Predicate | None = None


@dataclass(frozen=True, slots=True)
class ShardAnswer:
    """What became of one planned shard.

    Attributes:
        shard: which one.
        hits: what it found; None when that is missing.
        state: whether it answered.
        latency_seconds: from asking it to its answer or to giving it up; of both calls when it was asked twice.
        detail: why its hits are missing, for people; empty when they are there.
        wave: the wave that it was asked in, or would have been.
    """

    shard: RankedShard
    hits: ShardHits | None
    state: ShardState
    latency_seconds: float
    detail: str
    wave: int

    @property
    def coverage(self) -> ShardCoverage:
        """What the caller is told about it."""
        return ShardCoverage(
            category=self.shard.category,
            state=self.state,
            probability=self.shard.probability,
            latency_seconds=self.latency_seconds,
            detail=self.detail,
            exhausted=self.hits is not None and self.hits.exhausted,
            wave=self.wave,
        )


class Searchers(Protocol):
    """The searchers, whichever process and replica a shard lives on."""

    async def search(
        self, shard: RankedShard, query: ShardQuery, timeout_seconds: float, hedge_weight: float | None
    ) -> Reply[ShardHits]:
        """Return the best products of one shard.

        Args:
            shard: which one.
            query: what to ask.
            timeout_seconds: how long it may take.
            hedge_weight: what is lost without the answer, in [0, 1]: the more, the earlier a second replica is asked;
                None for never.

        Raises:
            DeadlineExceeded: it is late.
            AisleError: it is lost.
        """
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a wave waits, and for what.

    Attributes:
        timeout_seconds: for every shard, at most.
        light_mass: shards that together stand for no more than this are not waited for long; 0 to wait for all.
        spare_mass: what may be missing at most, of failed and light ones together, if the answer is to be of use.
        hopeless_mass: with more of it failed, no answer can be of use any more.
        light_seconds: how long they are, at least: as long as busy cores may keep any call waiting.
        hedges: whether slow shards are asked again at another replica.
    """

    timeout_seconds: float
    light_mass: float = 0.0
    spare_mass: float = math.inf
    hopeless_mass: float = math.inf
    light_seconds: float = 0.0
    hedges: bool = False

    def hedge_weights(self, probabilities: Sequence[float]) -> list[float | None]:
        """Return what a hedge of each shard is worth, None for none: what is not waited for is not asked twice either.

        Args:
            probabilities: the mass that each stands for; 0 for a category that the classifier does not know.
        """
        if not self.hedges:
            return [None] * len(probabilities)
        weights: list[float | None] = list(probabilities)
        left_out = 0.0
        may_be_left_out = self._may_be_left_out(0.0)
        for place in sorted(range(len(probabilities)), key=probabilities.__getitem__):
            left_out += probabilities[place]
            if may_be_left_out == 0 or left_out > may_be_left_out:
                break
            weights[place] = None
        return weights

    def leaves_at(self, pending_mass: float, failed_mass: float, slowest_seconds: float) -> float | None:
        """Return when to leave those that are pending, in seconds from the start of the wave; None for their deadline.

        Args:
            pending_mass: what all that have neither answered nor failed stand for together.
            failed_mass: what those that failed stand for.
            slowest_seconds: what the slowest of those that answered took: the light ones get as long again.
        """
        may_be_left_out = self._may_be_left_out(failed_mass)
        if may_be_left_out == 0 or pending_mass > may_be_left_out:
            return None
        seconds = max(self.light_seconds, 2 * slowest_seconds)
        return seconds if seconds < self.timeout_seconds else None

    def _may_be_left_out(self, failed_mass: float) -> float:
        if failed_mass > self.hopeless_mass:
            return self.light_mass
        return min(self.light_mass, max(0.0, self.spare_mass - failed_mass))


async def scatter(
    searchers: Searchers,
    shards: Sequence[RankedShard],
    query: ShardQuery,
    patience: Patience,
    *,
    clock: Callable[[], float],
    wave: int = 1,
) -> list[ShardAnswer]:
    """Ask every shard at once; return what became of each, in the order of `shards`.

    Args:
        searchers: whom to ask.
        shards: what to ask for.
        query: what to ask.
        patience: how long to wait.
        clock: seconds, monotonic.
        wave: the number of this wave.
    """
    began = clock()

    async def ask(shard: RankedShard, weight: float | None) -> ShardAnswer:
        hits, state, detail = None, ShardState.ANSWERED, ""
        try:
            reply = await searchers.search(shard, query, patience.timeout_seconds, weight)
            hits, state = reply.value, ShardState.HEDGED if reply.hedged else ShardState.ANSWERED
        except DeadlineExceeded as late:
            state, detail = ShardState.LATE, late.message
        except AisleError as lost:
            state, detail = ShardState.FAILED, f"{lost.reason}: {lost.message}"
            remark(_log, "shard_lost", shard=shard.slug, reason=lost.reason, error=lost.message)
        return ShardAnswer(shard, hits, state, clock() - began, detail, wave)

    weights = patience.hedge_weights([shard.probability for shard in shards])
    if len(shards) == 1 and patience.leaves_at(shards[0].probability, 0.0, 0.0) is None:
        return [await ask(shards[0], weights[0])]  # most waves are of one shard, which nothing can cut short
    asked = {asyncio.create_task(ask(shard, weight)): shard for shard, weight in zip(shards, weights, strict=True)}
    try:
        await _wait(asked, patience, lambda: clock() - began)
    finally:
        for task in asked:
            task.cancel()
    return [task.result() if task.done() else _left(shard, clock() - began, wave) for task, shard in asked.items()]


async def _wait(
    asked: Mapping[asyncio.Task[ShardAnswer], RankedShard], patience: Patience, elapsed: Callable[[], float]
) -> None:
    """Wait until all have answered, or until what is missing is not worth more time."""
    pending: set[asyncio.Task[ShardAnswer]] = set(asked)
    while pending:
        done = [task.result() for task in asked if task not in pending]
        slowest = max((answer.latency_seconds for answer in done if answer.state.answered), default=0.0)
        failed_mass = sum(answer.shard.probability for answer in done if not answer.state.answered)
        leaves_at = patience.leaves_at(sum(asked[task].probability for task in pending), failed_mass, slowest)
        finished, pending = await asyncio.wait(
            pending,
            timeout=None if leaves_at is None else max(0.0, leaves_at - elapsed()),
            return_when=asyncio.FIRST_COMPLETED,
        )
        if not finished:
            return


def _left(shard: RankedShard, seconds: float, wave: int) -> ShardAnswer:
    why = f"no answer in {seconds * 1000:.0f} ms, and {shard.probability:.3f} of the mass is not worth more waiting"
    return ShardAnswer(shard, None, ShardState.LATE, seconds, why, wave)
