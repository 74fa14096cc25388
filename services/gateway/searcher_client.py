"""The adapter to the searchers: one call per shard, its deadline always set, its failure an error of ours."""

import asyncio
import itertools
from collections.abc import Mapping, Sequence

import grpc
import grpc.aio
import numpy as np
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.channels import channel_options
from services.common.errors import AisleError, DeadlineExceeded, Internal, ShardNotServed, SpaceMismatch, Unavailable
from services.common.status import failure_of
from services.gateway.merging import ShardHits
from services.gateway.scatter import ShardQuery
from services.snapshot.manifest import Manifest


class SearcherClient:
    """Searches shards wherever they are. Make it and close it in the same event loop.

    Replicas of a shard take turns. Searchers that serve several shards share one channel.
    """

    def __init__(self, topology: Mapping[str, Sequence[str]], manifest: Manifest) -> None:
        """Open a channel per target; nothing is sent yet.

        Args:
            topology: per shard's slug the targets of its replicas.
            manifest: the snapshot that is planned with; searchers refuse to answer from another.
        """
        targets = {target for replicas in topology.values() for target in replicas}
        self._channels = {target: grpc.aio.insecure_channel(target, channel_options()) for target in targets}
        self._manifest = manifest
        self._turns = {
            slug: itertools.cycle([shard_pb2_grpc.ShardServiceStub(self._channels[target]) for target in replicas])
            for slug, replicas in topology.items()
            if replicas
        }

    async def search(self, slug: str, query: ShardQuery, timeout_seconds: float) -> ShardHits:
        """Return the best products of one shard.

        Args:
            slug: the shard.
            query: what to ask; its vector is of the space's dimension.
            timeout_seconds: the call's deadline.

        Raises:
            ShardNotServed: the topology has no searcher for it.
            DeadlineExceeded: no answer in time.
            AisleError: the searcher can't be reached or refused.
        """
        if slug not in self._turns:
            raise ShardNotServed(f"no searcher is known for shard {slug}")
        request = shard_pb2.SearchRequest(
            shard=slug,
            query_vectors=query.vector,
            rows=1,
            dimension=self._manifest.dimension,
            top_k=query.top_k,
            snapshot_id=self._manifest.snapshot_id,
            space_id=self._manifest.space_id,
            exact=query.exact,
        )
        try:
            response = await next(self._turns[slug]).Search(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as call:
            raise _error_of(slug, call) from None
        return self._hits(slug, response)

    def _hits(self, slug: str, response: shard_pb2.SearchResponse) -> ShardHits:
        """Convert an answer, refusing what can't be one: a wrong answer is worse than a missing one."""
        if response.snapshot_id != self._manifest.snapshot_id:
            raise SpaceMismatch(f"shard {slug} answered from snapshot {response.snapshot_id!r}")
        if len(response.neighbours) != 1:
            raise Internal(f"shard {slug} answered {len(response.neighbours)} queries instead of 1")
        found = response.neighbours[0]
        similarities = np.array(found.similarities, dtype=np.float32)
        columns = (found.product_ids, found.image_ids, found.image_paths, found.categories, similarities)
        if len({len(column) for column in columns}) != 1 or not np.isfinite(similarities).all():
            raise Internal(f"shard {slug} answered with lists of different lengths or numbers that are not finite")
        return ShardHits(*columns, exhausted=found.exhausted)

    async def connect(self, timeout_seconds: float) -> Sequence[str]:
        """Wait for every channel to be ready; return the targets that could not be reached in time."""

        async def reach(target: str, channel: grpc.aio.Channel) -> str | None:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await channel.channel_ready()
            except TimeoutError:
                return target
            return None

        outcomes = await asyncio.gather(*(reach(target, channel) for target, channel in self._channels.items()))
        return sorted(target for target in outcomes if target is not None)

    async def close(self) -> None:
        """Close every channel."""
        await asyncio.gather(*(channel.close(None) for channel in self._channels.values()))


def _error_of(slug: str, call: grpc.aio.AioRpcError) -> AisleError:
    failure = failure_of(call)
    message = f"shard {slug}: {failure.reason or failure.code}: {failure.message}"
    return DeadlineExceeded(message) if failure.code == "DEADLINE_EXCEEDED" else Unavailable(message)
