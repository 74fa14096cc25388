"""The servicer tells the pool which searches say something about what others take."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

from aisle.shard.v1 import shard_pb2

from services.filters.conversion import message_from
from services.filters.predicate import Present
from services.searcher.loading import Known, LoadedSnapshot
from services.searcher.pool import SearchPool
from services.searcher.servicer import ShardServicer
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


async def test_a_search_with_a_new_filter_is_no_measure_for_others() -> None:
    """The first with a filter reads columns; those that follow, and those without one, take what searches take."""
    shelf = Shelf[LoadedSnapshot](600.0, ManualClock())
    shard = shard_of(unit_vectors(4, 8), ["a", "a", "b", "b"])
    shelf.put(LoadedSnapshot("snapshot-1", "space-1", 8, {"shoes": shard}, Known()))
    pool, context = NotingPool(), cast("Any", SimpleNamespace(time_remaining=lambda: 1.0))
    servicer = ShardServicer(cast("SearchPool", pool), shelf)
    usual = shard_pb2.SearchRequest(
        shard="shoes",
        query_vectors=unit_vectors(1, 8).astype("<f4").tobytes(),
        rows=1,
        dimension=8,
        top_k=2,
        space_id="space-1",
    )
    filtered, exact = shard_pb2.SearchRequest(), shard_pb2.SearchRequest()
    for message in (filtered, exact):
        message.CopyFrom(usual)
    filtered.filter.CopyFrom(message_from(Present("image_id")))
    exact.exact = True

    for request in (usual, filtered, filtered, exact):
        await servicer.Search(request, context)

    assert pool.usual == [True, False, True, False]
