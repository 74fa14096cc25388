"""Sends labelled photos through the gateway under every policy, and notes what comes back and when."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from services.client.photos import encoded
from services.client.types import Catalog, Policy, SearchResult
from services.common.errors import AisleError, SnapshotMismatch, Unavailable
from services.evaluation.cases import SHOWN_HITS
from services.evaluation.metrics import ranks_of
from services.evaluation.observation import Observation, Query, ShownHit
from services.evaluation.plan import interleave

Progress = Callable[[int, int], None]
"""Called with the searches done and their total."""

# A restarting gateway is back well before so many searches have failed; a lost one would cost hours of timeouts.
_GIVE_UP_AFTER = 50


class SearchTarget(Protocol):
    """A gateway, as `services.client.AisleClient` speaks to it."""

    async def search(self, photo: bytes, *, timeout_seconds: float, top_k: int, policy: Policy) -> SearchResult:
        """Find the products in one photo, or raise an AisleError."""
        ...

    async def catalog(self) -> Catalog:
        """Return what can be searched."""
        ...


@dataclass(frozen=True)
class RunOptions:
    """How photos are sent."""

    top_k: int = 100
    """Products asked for; mAP and MRR see no further."""
    in_flight: int = 1
    """Photos in flight; more is faster, but their latencies are no longer those of an idle system."""
    timeout_seconds: float = 2.0
    """Deadline of each search; the gateway's own default."""
    seed: int = 20
    """Decides the order of photos and policies."""


async def observe(
    target: SearchTarget,
    queries: Sequence[Query],
    image_root: Path,
    policies: Sequence[Policy],
    options: RunOptions,
    *,
    clock: Callable[[], float] = time.perf_counter,
    progress: Progress = lambda *_: None,
) -> list[Observation]:
    """Search every photo under every policy and return one observation each, in no particular order.

    Args:
        target: the gateway.
        queries: what to ask, at least one; their paths are relative to `image_root`.
        image_root: the dataset's.
        policies: what to search with.
        options: how to send.
        clock: seconds, monotonic.
        progress: hears of every search.

    Raises:
        Unavailable: the gateway is gone: a long row of searches found it so.
        SnapshotMismatch: the gateway switched to another snapshot; figures over two would mean nothing.
    """
    run = _Run(target, options, clock)
    await run.warm_up(image_root / queries[0].photo_path, policies)
    turns = iter(interleave(len(queries), policies, options.seed))

    async def work() -> None:
        for number, shuffled in turns:  # shared: each worker takes the next photo
            async for observation in run.photo(number, queries[number], image_root, shuffled):
                observations.append(observation)
                progress(len(observations), len(queries) * len(policies))

    observations: list[Observation] = []
    try:
        async with asyncio.TaskGroup() as workers:
            for _ in range(options.in_flight):
                workers.create_task(work())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return observations


class _Run:
    """What the workers share: the gateway, the first snapshot seen, and how long it has been gone."""

    def __init__(self, target: SearchTarget, options: RunOptions, clock: Callable[[], float]) -> None:
        self._target = target
        self._options = options
        self._clock = clock
        self._snapshot_id: str | None = None
        self._unavailable_in_a_row = 0

    async def warm_up(self, photo: Path, policies: Sequence[Policy]) -> None:
        """Search once under every policy, unrecorded: connecting and first calls are no policy's fault."""
        with suppress(AisleError):  # whatever is wrong shows, and is counted, in the run itself
            image = await encoded(photo)
            for policy in policies:
                await self._ask(image, policy)

    async def photo(
        self, number: int, query: Query, image_root: Path, policies: Sequence[Policy]
    ) -> AsyncIterator[Observation]:
        """Search one photo under the policies in this order; it is read once, outside of any latency."""
        try:
            image = await encoded(image_root / query.photo_path)
        except AisleError as unreadable:
            for policy in policies:
                yield Observation(number, policy, "error", latency_ms=0.0, error=unreadable.reason)
            return
        for policy in policies:
            yield await self._search(number, query, image, policy)

    async def _search(self, number: int, query: Query, image: bytes, policy: Policy) -> Observation:
        sent = self._clock()
        try:
            result = await self._ask(image, policy)
        except AisleError as error:
            self._give_up_if_gone(error)
            return Observation(number, policy, "error", (self._clock() - sent) * 1000, error=error.reason)
        latency_ms = (self._clock() - sent) * 1000
        self._unavailable_in_a_row = 0
        self._refuse_another_snapshot(result.snapshot_id)
        return _observation(number, query, policy, result, latency_ms)

    async def _ask(self, image: bytes, policy: Policy) -> SearchResult:
        return await self._target.search(
            image, timeout_seconds=self._options.timeout_seconds, top_k=self._options.top_k, policy=policy
        )

    def _give_up_if_gone(self, error: AisleError) -> None:
        self._unavailable_in_a_row = self._unavailable_in_a_row + 1 if isinstance(error, Unavailable) else 0
        if self._unavailable_in_a_row >= _GIVE_UP_AFTER:
            raise error

    def _refuse_another_snapshot(self, snapshot_id: str) -> None:
        self._snapshot_id = self._snapshot_id or snapshot_id
        if snapshot_id != self._snapshot_id:
            raise SnapshotMismatch(
                f"the gateway switched from snapshot {self._snapshot_id} to {snapshot_id} during the run; start again"
            )


def _observation(number: int, query: Query, policy: Policy, result: SearchResult, latency_ms: float) -> Observation:
    likeliest = result.categories[0] if result.categories else None
    shards = result.coverage.shards
    return Observation(
        query=number,
        policy=policy,
        outcome="partial" if result.coverage.partial else "ok",
        latency_ms=latency_ms,
        ranks=ranks_of([hit.product_id for hit in result.hits], query.products),
        hits=tuple(
            ShownHit(hit.product_id, hit.category, hit.score, hit.image_path) for hit in result.hits[:SHOWN_HITS]
        ),
        predicted=(likeliest.category, likeliest.probability) if likeliest else None,
        searched=tuple(shard.category for shard in shards if shard.state.answered),
        missing=tuple(shard.category for shard in shards if not shard.state.answered),
        stages_ms=dict(result.timings_ms),
        slowest_shard_ms=max((shard.latency_ms for shard in shards), default=0.0),
    )
