"""The servicer tells the pool which searches say something about what others take."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aisle.shard.v1 import shard_pb2

from services.common.criticality import Criticality
from services.common.errors import AisleError, Overloaded
from services.filters.conversion import message_from
from services.filters.predicate import Present
from services.searcher.loading import Known, LoadedSnapshot
from services.searcher.pool import SearchPool
from services.searcher.servicer import ShardServicer
from services.searcher.shard import Shard
from services.searcher.shelf import Shelf
from tests.support.clocks import ManualClock
from tests.support.shards import shard_of
from tests.support.snapshots import unit_vectors


class NotingPool:
    """Runs a search at once, and notes whether it is usual."""

    def __init__(self) -> None:
        self.usual: list[bool] = []

    async def run(self, search: Callable[[], Any], *_: object, is_usual: bool) -> Any:
        self.usual.append(is_usual)
        return search()


class LatePool:
    """Has a thread after a second, unless it refuses; the event loop hears of the search's end five seconds late."""

    def __init__(self, clock: ManualClock, refusal: AisleError | None) -> None:
        self._clock = clock
        self._refusal = refusal

    async def run(self, search: Callable[[], Any], *_: object, **__: object) -> Any:
        if self._refusal is not None:
            raise self._refusal
        self._clock.advance(1.0)
        try:
            return search()
        finally:
            self._clock.advance(5.0)


class NotingRecord:
    """Notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, float]] = []

    def searched(self, _shard: str, _criticality: Criticality, *, waited: float, seconds: float) -> None:
        self.heard.append((waited, seconds))


class SlowShard:
    """Takes a quarter of a second, and may fail."""

    attributes: Mapping[str, object] = {}

    def __init__(self, clock: ManualClock, error: Exception | None) -> None:
        self._clock = clock
        self._error = error

    def search(self, *_: object) -> Sequence[Any]:
        self._clock.advance(0.25)
        if self._error is not None:
            raise self._error
        return ()


USUAL = shard_pb2.SearchRequest(
    shard="shoes",
    query_vectors=unit_vectors(1, 8).astype("<f4").tobytes(),
    rows=1,
    dimension=8,
    top_k=2,
    space_id="space-1",
)


async def test_a_search_with_a_new_filter_is_no_measure_for_others() -> None:
    """The first with a filter reads columns; those that follow, and those without one, take what searches take."""
    shelf = Shelf[LoadedSnapshot](600.0, ManualClock())
    shard = shard_of(unit_vectors(4, 8), ["a", "a", "b", "b"])
    shelf.put(LoadedSnapshot("snapshot-1", "space-1", 8, {"shoes": shard}, Known()))
    pool, context = NotingPool(), cast("Any", SimpleNamespace(time_remaining=lambda: 1.0))
    servicer = ShardServicer(cast("SearchPool", pool), shelf)
    filtered, exact = shard_pb2.SearchRequest(), shard_pb2.SearchRequest()
    for message in (filtered, exact):
        message.CopyFrom(USUAL)
    filtered.filter.CopyFrom(message_from(Present("image_id")))
    exact.exact = True

    for request in (USUAL, filtered, filtered, exact):
        await servicer.Search(request, context)

    assert pool.usual == [True, False, True, False]


@pytest.mark.parametrize(
    ("refusal", "defect", "heard"),
    [
        (None, None, [(1.0, 0.25)]),
        (None, ZeroDivisionError(), [(1.0, 0.25)]),
        (Overloaded("full"), None, []),
    ],
)
async def test_what_a_search_takes_is_what_it_takes_in_its_thread(
    refusal: AisleError | None, defect: Exception | None, heard: list[tuple[float, float]]
) -> None:
    """Also of one that fails; a busy event loop makes no search slower, and what got no thread was none."""
    clock, record = ManualClock(), NotingRecord()
    shelf = Shelf[LoadedSnapshot](600.0, clock)
    shard = cast("Shard", SlowShard(clock, defect))
    shelf.put(LoadedSnapshot("snapshot-1", "space-1", 8, {"shoes": shard}, Known()))
    servicer = ShardServicer(cast("SearchPool", LatePool(clock, refusal)), shelf, record, clock)
    context = cast("Any", SimpleNamespace(time_remaining=lambda: 1.0))
    failure = refusal or defect
    with nullcontext() if failure is None else pytest.raises(type(failure)):
        await servicer.Search(USUAL, context)
    assert record.heard == heard
