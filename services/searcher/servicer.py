"""The gRPC face of a searcher: converts, calls, converts."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import grpc.aio
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.criticality import Criticality
from services.common.paging import page_of
from services.common.tracing import span
from services.searcher.conversion import (
    effort_of,
    predicate_of,
    query_vectors_of,
    search_response,
    shard_description,
    shard_of,
    top_k_of,
)
from services.searcher.loading import LoadedSnapshot
from services.searcher.pool import SearchPool
from services.searcher.shelf import Shelf

Context = grpc.aio.ServicerContext[Any, Any]


class Record(Protocol):
    """Hears of every search that got a thread, whatever became of it."""

    def searched(self, shard: str, criticality: Criticality, *, waited: float, seconds: float) -> None:
        """Count a search.

        Args:
            shard: its slug.
            criticality: who waits.
            waited: for a thread, seconds.
            seconds: in the thread, until it was done or failed.
        """
        ...


class ShardServicer(shard_pb2_grpc.ShardServiceServicer):
    """Answers each call from the one snapshot that it names."""

    def __init__(
        self,
        pool: SearchPool,
        shelf: Shelf[LoadedSnapshot],
        record: Record | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create a servicer.

        Args:
            pool: where searches run.
            shelf: what is searched.
            record: hears of searches; None when nobody would read it.
            clock: seconds, monotonic.
        """
        self._pool = pool
        self._shelf = shelf
        self._record = record
        self._clock = clock

    async def Search(  # noqa: N802 - named by the proto
        self, request: shard_pb2.SearchRequest, context: Context
    ) -> shard_pb2.SearchResponse:
        """Find the nearest products of each query vector in one shard."""
        loaded = self._shelf.take(request.snapshot_id)
        shard = shard_of(request, loaded)
        top_k = top_k_of(request)
        query_vectors = query_vectors_of(request, loaded.dimension)
        effort = effort_of(request)
        predicate = predicate_of(request, shard.attributes)

        began = came = self._clock()
        ended: float | None = None

        def search() -> shard_pb2.SearchResponse:  # the message is made in the thread too: it may hold 100,000 hits
            nonlocal began, ended
            began = self._clock()
            try:
                hits = shard.search(query_vectors, top_k, effort, predicate)
                return search_response(hits, loaded.snapshot_id)
            finally:
                ended = self._clock()  # here: how late the event loop hears of it is no part of the search

        criticality = Criticality.BATCH if request.batch else Criticality.INTERACTIVE
        # What an exact search takes, or to find out what a new filter passes, says nothing of what others take.
        is_usual = not request.exact and (predicate is None or shard.remembers(predicate))
        try:
            with span("search", shard=request.shard) as traced:
                response = await self._pool.run(search, context.time_remaining(), criticality, is_usual=is_usual)
                if traced is not None:
                    traced.tell("aisle.waited_seconds", began - came)
        finally:
            if self._record is not None and ended is not None:
                self._record.searched(request.shard, criticality, waited=began - came, seconds=ended - began)
        return response

    async def Describe(  # noqa: N802 - named by the proto
        self, request: shard_pb2.DescribeRequest, _context: Context
    ) -> shard_pb2.DescribeResponse:
        """Tell what is served, a page at a time."""
        self._shelf.claim(request.caller, request.used_snapshot_id)
        loaded = self._shelf.take(request.snapshot_id)
        page, next_page_token = page_of(loaded.snapshot_id, len(loaded.shards), request.page_size, request.page_token)
        return shard_pb2.DescribeResponse(
            shards=[shard_description(shard.entry) for shard in list(loaded.shards.values())[page]],
            next_page_token=next_page_token,
            snapshot_id=loaded.snapshot_id,
            space_id=loaded.space_id,
            dimension=loaded.dimension,
            snapshot_ids=[held.snapshot_id for held in self._shelf.held],
        )
