"""The adapter to the searchers: one call per shard, its deadline always set, its failure an error of ours."""

import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TypeVar

import grpc
import grpc.aio
import numpy as np
from aisle.shard.v1 import shard_pb2

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
from services.common.paging import MAX_PAGE_SIZE
from services.common.recent_times import RecentTimes
from services.common.requests import REQUEST_ID, current_request
from services.common.status import failure_of, from_failure, received
from services.common.telemetry import get_logger
from services.common.tracing import Span, span, trace_headers
from services.filters.conversion import message_from
from services.gateway.answering.merging import ShardHits
from services.gateway.answering.plan import RankedShard
from services.gateway.answering.scatter import ShardQuery
from services.gateway.peers.searcher_channels import SearcherChannels
from services.gateway.replicas.hedging import Hedging, Reply, hedge_after

_log = get_logger()

K = TypeVar("K", bound=Hashable)

_MOST_SIMILAR = 1.05
"""Both vectors are of unit length, to the precision of the embedder and of the index."""
_MOST_SNAPSHOTS = 1_000
"""That one searcher serves: it has a few open. More are no description, and take the gateway's time."""
_LACKING_SECONDS = 2.0
"""How long a replica that does not serve a shard, or only of another snapshot, is not asked for it again."""
_SAID_SECONDS = 600.0
"""How long a replica whose answers can't be any is not named again: every photo would say the same."""


class SearcherClient:
    """Searches shards wherever they are. Searchers that serve several shards share one channel."""

    def __init__(
        self,
        topology: Mapping[str, Sequence[str]],
        channels: SearcherChannels,
        hedging: Hedging,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create it; nothing is sent yet.

        Args:
            topology: per shard's slug the addresses of its replicas; it may change.
            channels: to all of them; whoever opened them closes them.
            hedging: chooses among the replicas.
            clock: seconds, monotonic.
        """
        self._topology = topology
        self._channels = channels
        self._hedging = hedging
        self._clock = clock
        self._caller = uuid.uuid4().hex
        # An exact search takes a hundred times as long, a new filter ten times, and a job waits for people: one kind
        # says nothing of others.
        self._times: defaultdict[tuple[str, bool, bool, bool], RecentTimes] = defaultdict(lambda: RecentTimes(clock))
        # By snapshot, shard and target, of those that lacked it: a snapshot is rolled out replica by replica.
        self._asked_again_at: dict[tuple[str, str, str], float] = {}
        # By target and shard, of those whose answer could not be one.
        self._said_again_at: dict[tuple[str, str], float] = {}

    async def search(
        self, shard: RankedShard, query: ShardQuery, timeout_seconds: float, hedge_weight: float | None
    ) -> Reply[ShardHits]:
        """Return the best products of one shard; arguments as `scatter.Searchers` says.

        Raises:
            ShardNotServed: the topology has no searcher for it, or none of them serves it in the query's snapshot.
            DeadlineExceeded: no answer in time.
            AisleError: the searcher can't be reached or refused.
        """
        slug = shard.slug
        targets = self._targets(slug, query.snapshot.snapshot_id)
        deadline = self._clock() + timeout_seconds
        request = shard_pb2.SearchRequest(
            shard=slug,
            query_vectors=query.vector,
            rows=1,
            dimension=query.snapshot.dimension,
            top_k=query.top_k,
            snapshot_id=query.snapshot.snapshot_id,
            space_id=query.snapshot.space_id,
            exact=query.exact,
            coarse=query.coarse,
            batch=query.batch,
            filter=None if query.predicate is None else message_from(query.predicate),
        )

        async def ask(target: str) -> ShardHits:
            try:
                with span("shard", calls=True, shard=slug, replica=target) as traced:
                    response = await self._channels.stub(target).Search(
                        request, timeout=max(0.0, deadline - self._clock()), metadata=_metadata(traced)
                    )
            except grpc.aio.AioRpcError as call:
                error = _error_of(slug, call)
                if isinstance(error, ShardNotServed):
                    self._put_off(slug, query.snapshot.snapshot_id, target)
                raise error from None
            try:
                return self._hits(shard, response, query)
            except AisleError as defect:
                self._say_defective(target, slug, defect)
                raise

        times = self._times[slug, query.exact, query.batch, query.predicate is not None]
        # Exact searches take a core for long: asking for one twice costs more than it brings, and one that is late says
        # nothing about its replica. Else whoever asks for some in too little time takes the shard from everybody.
        after_seconds = None if hedge_weight is None or query.exact else hedge_after(times, hedge_weight)
        while True:
            try:
                return await self._hedging.ask(
                    targets, ask, times=times, after_seconds=after_seconds, late_is_lost=not query.exact
                )
            except ShardNotServed:  # said at once and without any work: no reason to count what another call costs
                targets = self._willing(slug, query.snapshot.snapshot_id)
                if not targets:
                    raise

    async def describe(
        self, target: str, snapshot_id: str, *, used_snapshot_id: str, timeout_seconds: float
    ) -> frozenset[str]:
        """Return the slugs that a searcher serves of a snapshot, and have it keep the one that is used.

        Raises:
            SnapshotMismatch: it does not serve the snapshot; the message says why.
            Internal: its description has no end.
            AisleError: it can't be reached, or has not said all in time.
        """
        end = self._clock() + timeout_seconds
        slugs, page_token, seen = set[str](), "", set[str]()
        while True:
            request = shard_pb2.DescribeRequest(
                page_size=MAX_PAGE_SIZE,
                page_token=page_token,
                snapshot_id=snapshot_id,
                used_snapshot_id=used_snapshot_id,
                caller=self._caller,
            )
            response = await self._describe(target, request, max(0.0, end - self._clock()))
            if response.snapshot_id != snapshot_id:  # a release that can't be asked for one
                raise SnapshotMismatch(f"snapshot {response.snapshot_id!r} is served here")
            slugs.update(shard.shard for shard in response.shards)
            page_token = response.next_page_token
            if not page_token:
                return frozenset(slugs)
            if page_token in seen:
                raise Internal(f"searcher {target} describes the same page again and again")
            seen.add(page_token)

    async def snapshot_ids(self, target: str, timeout_seconds: float) -> tuple[str, ...]:
        """Return the snapshots that a searcher serves; raise AisleError when it can't be reached, or not in time."""
        response = await self._describe(target, shard_pb2.DescribeRequest(page_size=1), timeout_seconds)
        if len(response.snapshot_ids) > _MOST_SNAPSHOTS:
            raise Internal(f"searcher {target} says that it serves {len(response.snapshot_ids):,} snapshots")
        return tuple(response.snapshot_ids)

    async def _describe(
        self, target: str, request: shard_pb2.DescribeRequest, timeout_seconds: float
    ) -> shard_pb2.DescribeResponse:
        try:
            response: shard_pb2.DescribeResponse | None = await self._channels.stub(target).Describe(
                request, timeout=timeout_seconds
            )
        except grpc.aio.AioRpcError as call:
            raise from_failure(failure_of(call)) from None
        return received(response, f"searcher {target}")

    def _targets(self, slug: str, snapshot_id: str) -> Sequence[str]:
        """Return the replicas that may have the shard, at least one."""
        known = self._topology.get(slug)
        if not known:
            raise ShardNotServed(f"no searcher is known for shard {slug}")
        targets = self._willing(slug, snapshot_id)
        if not targets:
            raise ShardNotServed(f"none of the {len(known)} searchers of shard {slug} serves it in this snapshot")
        return targets

    def _willing(self, slug: str, snapshot_id: str) -> Sequence[str]:
        """Leave out those that lacked it just now: whether a replica is well and what it serves are two questions."""
        now, again_at = self._clock(), self._asked_again_at
        return [target for target in self._topology[slug] if again_at.get((snapshot_id, slug, target), now) <= now]

    def _put_off(self, slug: str, snapshot_id: str, target: str) -> None:
        now = self._clock()
        self._asked_again_at = _to_come(self._asked_again_at, now)
        self._asked_again_at[snapshot_id, slug, target] = now + _LACKING_SECONDS

    def _say_defective(self, target: str, slug: str, defect: AisleError) -> None:
        """Log that a replica's answer can't be one, unless that was said of late."""
        now = self._clock()
        self._said_again_at = _to_come(self._said_again_at, now)
        if (target, slug) not in self._said_again_at:
            self._said_again_at[target, slug] = now + _SAID_SECONDS
            _log.error("searcher_defective", replica=target, shard=slug, error=defect.message)

    def _hits(self, shard: RankedShard, answer: shard_pb2.SearchResponse | None, query: ShardQuery) -> ShardHits:
        """Convert an answer, refusing all of what can't be one: a wrong answer is worse than a missing one."""
        slug = shard.slug
        response = received(answer, f"shard {slug}")
        if response.snapshot_id != query.snapshot.snapshot_id:
            raise SnapshotMismatch(f"shard {slug} answered from snapshot {response.snapshot_id!r}")
        if len(response.neighbours) != 1:
            raise Internal(f"shard {slug} answered {len(response.neighbours)} queries instead of 1")
        found = response.neighbours[0]
        names = (found.product_ids, found.image_ids, found.image_paths, found.categories)
        lengths = {len(found.similarities), *map(len, names)}
        if len(lengths) != 1 or max(lengths) > query.top_k:  # first, for whatever is looked at below costs by the hit
            raise Internal(f"shard {slug} answered with more than the best {query.top_k}, or lists of other lengths")
        similarities = np.array(found.similarities, dtype=np.float32)
        if not np.isfinite(similarities).all() or (np.diff(similarities) > 0).any():
            raise Internal(f"shard {slug} answered with numbers that are not finite, or not the best first")
        if (np.abs(similarities) > _MOST_SIMILAR).any() or len(set(found.product_ids)) != len(similarities):
            raise Internal(f"shard {slug} answered with similarities beyond 1, or the same product twice")
        # The baseline's shard has products of every category.
        if shard.category and (foreign := set(found.categories) - {shard.category}):
            raise Internal(f"shard {slug} of {shard.category!r} answered with products of {min(foreign)!r}")
        return ShardHits(*names, similarities, exhausted=found.exhausted)


def _to_come(times: Mapping[K, float], now: float) -> dict[K, float]:
    """Leave out what has passed: replicas come and go, and what is noted of them must not stay."""
    return {key: at for key, at in times.items() if at > now}


def _metadata(traced: Span | None) -> tuple[tuple[str, str], ...]:
    """Return what ties a searcher's lines and spans to the photo's: its request's id, and its trace."""
    request = current_request()
    known_by = () if request is None else ((REQUEST_ID, request.id),)
    return (*known_by, *(trace_headers(traced) or ()))


def _error_of(slug: str, call: grpc.aio.AioRpcError) -> AisleError:
    failure = failure_of(call)
    message = f"shard {slug}: {failure.reason or failure.code}: {failure.message}"
    if failure.reason in _LACKS_IT:
        return ShardNotServed(message)
    error = _CLASSES.get(failure.code, Unavailable)(message)
    if isinstance(error, DeadlineExceeded):
        error.said_by_callee = bool(failure.reason)  # gRPC itself gives none
    return error


_LACKS_IT = {ShardNotServed.reason, SpaceMismatch.reason, SnapshotMismatch.reason}
_CLASSES: dict[str, type[AisleError]] = {
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "RESOURCE_EXHAUSTED": Overloaded,
    "INVALID_ARGUMENT": InvalidArgument,
}
