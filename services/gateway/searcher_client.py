"""The adapter to the searchers: one call per shard, its deadline always set, its failure an error of ours."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import grpc
import grpc.aio
import numpy as np
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.channels import channel_options
from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    Overloaded,
    ShardNotServed,
    SnapshotMismatch,
    SpaceMismatch,
    Unavailable,
)
from services.common.recent_times import RecentTimes
from services.common.status import failure_of
from services.gateway.hedging import Hedging, Reply, hedge_after
from services.gateway.merging import ShardHits
from services.gateway.scatter import ShardQuery
from services.snapshot.manifest import Manifest

_MOST_SIMILAR = 1.05
"""Both vectors are of unit length, to the precision of the embedder and of the index."""
_LACKING_SECONDS = 2.0
"""How long a replica that does not serve a shard, or only of another snapshot, is not asked for it again."""


class SearcherClient:
    """Searches shards wherever they are. Make it and close it in the same event loop.

    Searchers that serve several shards share one channel.
    """

    def __init__(
        self,
        topology: Mapping[str, Sequence[str]],
        manifest: Manifest,
        hedging: Hedging,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open a channel per target; nothing is sent yet.

        Args:
            topology: per shard's slug the targets of its replicas.
            manifest: the snapshot that is planned with; searchers refuse to answer from another.
            hedging: chooses among the replicas.
            clock: seconds, monotonic.
        """
        self._channels = {
            target: grpc.aio.insecure_channel(target, channel_options()) for target in targets_of(topology)
        }
        self._stubs = {target: shard_pb2_grpc.ShardServiceStub(channel) for target, channel in self._channels.items()}
        self._topology = topology
        self._manifest = manifest
        self._hedging = hedging
        self._clock = clock
        # An exact search takes a hundred times as long, and a job waits for people: one kind says nothing of others.
        self._times: defaultdict[tuple[str, bool, bool], RecentTimes] = defaultdict(lambda: RecentTimes(clock))
        self._asked_again_at: dict[tuple[str, str], float] = {}  # by shard and target, of those that lacked it

    async def search(
        self, slug: str, query: ShardQuery, timeout_seconds: float, hedge_weight: float | None
    ) -> Reply[ShardHits]:
        """Return the best products of one shard; arguments as `scatter.Searchers` says.

        Raises:
            ShardNotServed: the topology has no searcher for it, or none of them serves it in this snapshot.
            DeadlineExceeded: no answer in time.
            AisleError: the searcher can't be reached or refused.
        """
        targets = self._targets(slug)
        deadline = self._clock() + timeout_seconds
        request = shard_pb2.SearchRequest(
            shard=slug,
            query_vectors=query.vector,
            rows=1,
            dimension=self._manifest.dimension,
            top_k=query.top_k,
            snapshot_id=self._manifest.snapshot_id,
            space_id=self._manifest.space_id,
            exact=query.exact,
            coarse=query.coarse,
            batch=query.batch,
        )

        async def ask(target: str) -> ShardHits:
            try:
                response = await self._stubs[target].Search(request, timeout=max(0.0, deadline - self._clock()))
            except grpc.aio.AioRpcError as call:
                error = _error_of(slug, call)
                if isinstance(error, ShardNotServed):
                    self._asked_again_at[slug, target] = self._clock() + _LACKING_SECONDS
                raise error from None
            return self._hits(slug, response, query.top_k)

        times = self._times[slug, query.exact, query.batch]
        # Exact searches take a core for long: asking for one twice costs more than it brings.
        after_seconds = None if hedge_weight is None or query.exact else hedge_after(times, hedge_weight)
        return await self._hedging.ask(targets, ask, times=times, after_seconds=after_seconds)

    def _targets(self, slug: str) -> Sequence[str]:
        """Return the replicas that may have the shard: whether one is well and what it serves are two questions."""
        known = self._topology.get(slug)
        if not known:
            raise ShardNotServed(f"no searcher is known for shard {slug}")
        now = self._clock()
        targets = [target for target in known if self._asked_again_at.get((slug, target), now) <= now]
        if not targets:
            raise ShardNotServed(f"none of the {len(known)} searchers of shard {slug} serves it in this snapshot")
        return targets

    def _hits(self, slug: str, response: shard_pb2.SearchResponse | None, top_k: int) -> ShardHits:
        """Convert an answer, refusing what can't be one: a wrong answer is worse than a missing one."""
        if response is None:  # what gRPC makes of bytes that are no message
            raise Internal(f"shard {slug} answered with bytes that are no message")
        if response.snapshot_id != self._manifest.snapshot_id:
            raise SnapshotMismatch(f"shard {slug} answered from snapshot {response.snapshot_id!r}")
        if len(response.neighbours) != 1:
            raise Internal(f"shard {slug} answered {len(response.neighbours)} queries instead of 1")
        found = response.neighbours[0]
        similarities = np.array(found.similarities, dtype=np.float32)
        columns = (found.product_ids, found.image_ids, found.image_paths, found.categories, similarities)
        if len({len(column) for column in columns}) != 1 or not np.isfinite(similarities).all():
            raise Internal(f"shard {slug} answered with lists of different lengths or numbers that are not finite")
        if len(similarities) > top_k or (np.diff(similarities) > 0).any():
            raise Internal(f"shard {slug} answered with more than the best {top_k}, or not the best first")
        if (np.abs(similarities) > _MOST_SIMILAR).any() or len(set(found.product_ids)) != len(similarities):
            raise Internal(f"shard {slug} answered with similarities beyond 1, or the same product twice")
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
    if failure.reason in _LACKS_IT:
        return ShardNotServed(message)
    return _CLASSES.get(failure.code, Unavailable)(message)


_LACKS_IT = {ShardNotServed.reason, SpaceMismatch.reason, SnapshotMismatch.reason}
_CLASSES: dict[str, type[AisleError]] = {
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "RESOURCE_EXHAUSTED": Overloaded,
    "INVALID_ARGUMENT": InvalidArgument,
}


def targets_of(topology: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """Return every searcher of a shard map once, in order."""
    return sorted({target for replicas in topology.values() for target in replicas})
