"""The searcher as a service: opens the snapshot, verifies, loads and warms its shards, then serves them."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Final

import faiss
import grpc.aio
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.telemetry import get_logger
from services.searcher.config import SearcherSettings
from services.searcher.loading import LoadedSnapshot, check_space, chosen_shards, load_shard
from services.searcher.pool import SearchPool
from services.searcher.servicer import ShardServicer
from services.snapshot.store import SnapshotStore

_log = get_logger()

_SHARD_SERVICE: Final = shard_pb2.DESCRIPTOR.services_by_name["ShardService"].full_name


class Searcher:
    """A searcher process, as `services.common.lifecycle` runs it."""

    def __init__(self, settings: SearcherSettings) -> None:
        """Create the process's parts; nothing is read yet."""
        self._settings = settings
        self._pool = SearchPool(
            settings.search_threads,
            settings.max_waiting_searches,
            # FAISS would start a thread per core for each search; set in the main thread, it would not reach these.
            prepare_thread=partial(faiss.omp_set_num_threads, 1),
        )
        self._servicer = ShardServicer(self._pool)

    @property
    def names(self) -> Sequence[str]:
        """The one service."""
        return (_SHARD_SERVICE,)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        shard_pb2_grpc.add_ShardServiceServicer_to_server(self._servicer, server)

    async def start(self) -> None:
        """Load every shard; what is damaged or does not fit ends the start.

        Raises:
            SnapshotNotFound, SnapshotInvalid, SpaceMismatch, SettingsInvalid, Unavailable: it can't be served, and why.
        """
        settings = self._settings
        store = SnapshotStore(settings.snapshot_root, cache_dir=settings.cache_dir)
        manifest = await asyncio.to_thread(store.manifest, settings.snapshot_id or None)
        check_space(manifest)
        shards = {}
        for entry in chosen_shards(manifest, settings.shards):
            shards[entry.slug] = await asyncio.to_thread(load_shard, store, manifest, entry)
            _log.info("shard_loaded", shard=entry.slug, images=entry.images, products=entry.products)
        self._servicer.serve(LoadedSnapshot(manifest.snapshot_id, manifest.space_id, manifest.dimension, shards))

    def drain(self) -> None:
        """Nothing to do: every call is one question and its answer."""

    async def close(self) -> None:
        """End the threads."""
        await self._pool.close()
