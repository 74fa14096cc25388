"""Sends labelled photos through the gateway, each in one or more ways, and notes what comes back and when."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from services.client.photos import encoded
from services.client.types import Catalog, Policy, SearchResult, ShardCoverage
from services.common.errors import AisleError, SnapshotMismatch, Unavailable
from services.evaluation.cases import SHOWN_HITS
from services.evaluation.metrics import ranks_of
from services.evaluation.observation import Observation, Query, ShownHit, Way
from services.evaluation.plan import Turn

Progress = Callable[[int, int], None]
"""Called with the searches done and their total."""

# A restarting gateway is back well before so many searches have failed; a lost one would cost hours of timeouts.
_GIVE_UP_AFTER = 50


class SearchTarget(Protocol):
    """A gateway, as `services.client.AisleClient` speaks to it."""

    async def search(
        self,
        photo: bytes,
        *,
        timeout_seconds: float,
        top_k: int,
        policy: Policy,
        categories: Sequence[str],
        probability_mass: float | None,
        exact: bool,
    ) -> SearchResult:
        """Find the products in one photo, or raise an AisleError."""
        ...

    async def catalog(self) -> Catalog:
        """Return what can be searched."""
        ...


class Run:
    """The searches of one evaluation: they share the first snapshot seen, and how long the gateway has been gone."""

    def __init__(
        self,
        target: SearchTarget,
        queries: Sequence[Query],
        image_root: Path,
        *,
        top_k: int,
        timeout_seconds: float,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Create the run; nothing is sent yet.

        Args:
            target: the gateway.
            queries: what to ask, at least one; their paths are relative to `image_root`.
            image_root: the dataset's.
            top_k: products asked for.
            timeout_seconds: deadline of each search.
            clock: seconds, monotonic.
        """
        self._target = target
        self._queries = queries
        self._image_root = image_root
        self._top_k = top_k
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._snapshot_id: str | None = None
        self._unavailable_in_a_row = 0

    async def warm_up(self, ways: Sequence[Way]) -> None:
        """Search the first photo once in every way, unrecorded: connecting and first calls are no way's fault."""
        with suppress(AisleError):  # whatever is wrong shows, and is counted, in the searches themselves
            image = await encoded(self._image_root / self._queries[0].photo_path)
            for way in ways:
                await self._ask(image, way)

    async def observe(
        self, turns: Sequence[Turn], *, in_flight: int, progress: Progress = lambda *_: None
    ) -> list[Observation]:
        """Return one observation for each way of each turn, in no particular order.

        Args:
            turns: the photos, in this order, and the ways to search each.
            in_flight: photos in flight.
            progress: hears of every search.

        Raises:
            Unavailable: the gateway is gone: a long row of searches found it so.
            SnapshotMismatch: the gateway switched to another snapshot; figures over two would mean nothing.
        """
        observations: list[Observation] = []
        total = sum(len(ways) for _, ways in turns)

        async def work(shared: Iterator[Turn]) -> None:
            for number, ways in shared:  # each worker takes the next photo
                async for observation in self._photo(number, ways):
                    observations.append(observation)
                    progress(len(observations), total)

        shared = iter(turns)
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(in_flight):
                    workers.create_task(work(shared))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return observations

    async def _photo(self, number: int, ways: Sequence[Way]) -> AsyncIterator[Observation]:
        """Search one photo in these ways, one after the other; it is read once, outside of any latency."""
        try:
            image = await encoded(self._image_root / self._queries[number].photo_path)
        except AisleError as unreadable:
            for way in ways:
                yield Observation(number, way, "error", latency_ms=0.0, error=unreadable.reason)
            return
        for way in ways:
            yield await self._search(number, image, way)

    async def _search(self, number: int, image: bytes, way: Way) -> Observation:
        sent = self._clock()
        try:
            result = await self._ask(image, way)
        except AisleError as error:
            self._give_up_if_gone(error)
            return Observation(number, way, "error", (self._clock() - sent) * 1000, error=error.reason)
        latency_ms = (self._clock() - sent) * 1000
        self._unavailable_in_a_row = 0
        self._refuse_another_snapshot(result.snapshot_id)
        return _observation(number, self._queries[number], way, result, latency_ms)

    async def _ask(self, image: bytes, way: Way) -> SearchResult:
        return await self._target.search(
            image,
            timeout_seconds=self._timeout_seconds,
            top_k=self._top_k,
            policy=way.policy,
            categories=way.categories,
            probability_mass=way.probability_mass,
            exact=way.exact,
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


def _observation(number: int, query: Query, way: Way, result: SearchResult, latency_ms: float) -> Observation:
    likeliest = result.categories[0] if result.categories else None
    shards = result.coverage.shards
    return Observation(
        query=number,
        way=way,
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
        shards_ms=_waiting_ms(shards),
        verdict=result.verdict,
    )


def _waiting_ms(shards: Iterable[ShardCoverage]) -> float:
    """Return how long the gateway waited for shards: those of a wave are asked at once, the waves in turn."""
    slowest: dict[int, float] = {}
    for shard in shards:
        slowest[shard.wave] = max(slowest.get(shard.wave, 0.0), shard.latency_ms)
    return sum(slowest.values())
