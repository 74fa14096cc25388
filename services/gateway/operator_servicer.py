"""`aisle.operator.v1.OperatorService` on the wire: looks, converts."""

from typing import Any, Final

import grpc.aio
from aisle.operator.v1 import operator_pb2 as pb
from aisle.operator.v1 import operator_pb2_grpc
from google.protobuf.duration_pb2 import Duration

from services.common.errors import NotServing
from services.common.shared import Shared
from services.gateway.conversion import model_from, rung_from
from services.gateway.replicas.choosing import Standing
from services.gateway.watching.overview import Overview, Seen, SeenReplica
from services.gateway.watching.recent_answers import PERIOD_SECONDS, Recent

Context = grpc.aio.ServicerContext[Any, Any]

_SHARED_SECONDS: Final = 1.0
"""How old an answer may be: each look asks every searcher, and must not take the gateway's time from photos."""

_STATES = {
    Standing.READY: pb.REPLICA_STATE_READY,
    Standing.NOT_READY: pb.REPLICA_STATE_NOT_READY,
    Standing.PASSED_OVER: pb.REPLICA_STATE_PASSED_OVER,
}


class OperatorServicer(operator_pb2_grpc.OperatorServiceServicer):
    """Tells what the overview sees that it is given once the gateway has started."""

    def __init__(self) -> None:
        """Create it; until `serve`, calls end UNAVAILABLE."""
        self._status: Shared[pb.GetStatusResponse] | None = None

    def serve(self, overview: Overview) -> None:
        """Answer from now on; who calls at about the same time shares a look."""

        async def status() -> pb.GetStatusResponse:
            return _response_from(await overview.look())

        self._status = Shared(status, _SHARED_SECONDS)

    async def GetStatus(self, request: pb.GetStatusRequest, context: Context) -> pb.GetStatusResponse:  # noqa: ARG002, N802
        """Tell what there is now."""
        if self._status is None:
            raise NotServing("this gateway is still starting; retry with back-off")
        return await self._status.get()


def _response_from(seen: Seen) -> pb.GetStatusResponse:
    manifest = seen.catalog.manifest
    return pb.GetStatusResponse(
        snapshot_id=manifest.snapshot_id,
        published_snapshot_id=seen.published_id,
        models=[model_from(version) for version in seen.versions],
        tritons=[_replica_from(each) for each in seen.tritons],
        searchers=[_replica_from(each) for each in seen.searchers],
        shards=[
            pb.Shard(slug=shard.slug, category=shard.category, addresses=seen.addresses[shard.slug])
            for shard in sorted(manifest.shards, key=lambda shard: shard.slug)
        ],
        rung=rung_from(seen.rung),
        in_flight=seen.in_flight,
        in_flight_limit=seen.limit,
        waiting=seen.waiting,
        recent=_recent_from(seen.recent),
    )


def _replica_from(seen: SeenReplica) -> pb.Replica:
    return pb.Replica(
        address=seen.state.target,
        state=_STATES[seen.state.standing],
        in_flight=seen.state.in_flight,
        snapshot_ids=seen.snapshot_ids,
        problem=seen.problem,
    )


def _recent_from(recent: Recent) -> pb.RecentAnswers:
    period = Duration()
    period.FromMilliseconds(int(1000 * PERIOD_SECONDS))
    return pb.RecentAnswers(
        period=period,
        answers=recent.answers,
        partial=recent.partial,
        errors=recent.errors,
        mean_coverage=recent.mean_coverage,
        rungs=[pb.RungCount(rung=rung_from(rung), answers=count) for rung, count in recent.rungs.items()],
    )
