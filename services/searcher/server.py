"""The searcher as a service: opens the snapshot, verifies, loads and warms its shards, serves them, follows CURRENT."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Final

import faiss
import grpc.aio
import pyarrow as pa
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.observing import CallRecord
from services.common.process_metrics import ProcessMetrics
from services.searcher.catching_up import CatchingUp
from services.searcher.config import SearcherSettings
from services.searcher.loading import LoadedSnapshot
from services.searcher.metrics import SearcherState, SearchMetrics
from services.searcher.pool import SearchPool
from services.searcher.rollout import Rollout
from services.searcher.servicer import ShardServicer
from services.searcher.shelf import Shelf
from services.snapshot.following import Following
from services.snapshot.store import SnapshotStore

_SHARD_SERVICE: Final = shard_pb2.DESCRIPTOR.services_by_name["ShardService"]


class Searcher:
    """A searcher process, as `services.common.lifecycle` runs it."""

    def __init__(self, settings: SearcherSettings) -> None:
        """Create the process's parts; nothing is read yet."""
        self._settings = settings
        pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own would keep 10 MB that only loading needs
        self._pool = SearchPool(
            settings.search_threads,
            settings.max_waiting_searches,
            # FAISS would start a thread per core for each search; set in the main thread, it would not reach these.
            prepare_thread=partial(faiss.omp_set_num_threads, 1),
        )
        self._shelf = Shelf[LoadedSnapshot](settings.keep_seconds, time.monotonic)
        self._metrics = ProcessMetrics("searcher", _SHARD_SERVICE, settings.metrics_address, settings.metrics_port)
        is_read = self._metrics.calls is not None
        record = SearchMetrics(self._metrics.registry, settings.metrics_shards) if is_read else None
        self._servicer = ShardServicer(self._pool, self._shelf, record)
        self._resources = AsyncExitStack()
        self._resources.push_async_callback(self._pool.close)

    @property
    def names(self) -> Sequence[str]:
        """The one service."""
        return (_SHARD_SERVICE.full_name,)

    @property
    def calls(self) -> CallRecord | None:
        """What counts the calls."""
        return self._metrics.calls

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        shard_pb2_grpc.add_ShardServiceServicer_to_server(self._servicer, server)

    async def start(self) -> None:
        """Load every shard; from then on, follow CURRENT, and have what gateways answer from.

        Raises:
            SnapshotNotFound, SnapshotInvalid, SpaceMismatch, SettingsInvalid, Unavailable: nothing can be served, and
                why not what CURRENT names.
        """
        settings = self._settings
        await self._metrics.expose(self._resources)
        store = SnapshotStore(settings.snapshot_root, cache_dir=settings.cache_dir)
        rollout = Rollout(store, settings.shards, self._shelf)
        self._resources.push_async_callback(rollout.close)
        self._resources.callback(store.close)  # closed first: what is loading may wait for a storage that hangs
        SearcherState(self._metrics.registry, pool=self._pool, shelf=self._shelf, refusals=lambda: rollout.refusals)
        settled_id = await rollout.begin(settings.snapshot_id)
        await self._pool.warm(self._shelf.look("").warm)
        if settings.follows:
            current_id = partial(asyncio.to_thread, store.current_id)
            catching_up = CatchingUp(self._shelf, rollout)
            for following in (
                Following(current_id, rollout, served_id=settled_id, period_seconds=settings.follow_seconds),
                Following(catching_up.wanted_id, catching_up, served_id="", period_seconds=settings.follow_seconds),
            ):
                self._resources.push_async_callback(following.close)

    def drain(self) -> None:
        """Nothing to do: every call is one question and its answer."""

    async def close(self) -> None:
        """Follow no longer, and end the threads."""
        await self._resources.aclose()
