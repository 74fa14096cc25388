"""Asking shards: all of a wave at once, and what becomes of each is a value. Knows no gRPC."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.common.errors import AisleError, DeadlineExceeded
from services.common.telemetry import get_logger
from services.gateway.coverage import ShardCoverage, ShardState
from services.gateway.merging import ShardHits
from services.gateway.plan import RankedShard

_log = get_logger()


@dataclass(frozen=True, slots=True)
class ShardQuery:
    """What every shard is asked.

    Attributes:
        vector: the query vector, little-endian float32.
        top_k: distinct products wanted.
        exact: whether to compare with every picture instead of using the index.
    """

    vector: bytes
    top_k: int
    exact: bool


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

    async def search(self, slug: str, query: ShardQuery, timeout_seconds: float) -> ShardHits:
        """Return the best products of one shard; raise DeadlineExceeded when late and another AisleError when lost."""
        ...


async def scatter(
    searchers: Searchers,
    shards: Sequence[RankedShard],
    query: ShardQuery,
    timeout_seconds: float,
    *,
    clock: Callable[[], float],
    wave: int = 1,
) -> list[ShardAnswer]:
    """Ask every shard at once; return what became of each, in the order of `shards`.

    Args:
        searchers: whom to ask.
        shards: what to ask for.
        query: what to ask.
        timeout_seconds: how long each may take.
        clock: seconds, monotonic.
        wave: the number of this wave.
    """

    async def ask(shard: RankedShard) -> ShardAnswer:
        asked_at = clock()
        hits, state, detail = None, ShardState.ANSWERED, ""
        try:
            hits = await searchers.search(shard.slug, query, timeout_seconds)
        except DeadlineExceeded as late:
            state, detail = ShardState.LATE, late.message
        except AisleError as lost:
            state, detail = ShardState.FAILED, f"{lost.reason}: {lost.message}"
            _log.warning("shard_lost", shard=shard.slug, reason=lost.reason, error=lost.message)
        return ShardAnswer(shard, hits, state, clock() - asked_at, detail, wave)

    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(ask(shard)) for shard in shards]
    return [task.result() for task in asked]
