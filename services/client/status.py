"""What a gateway tells operators, typed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from aisle.operator.v1 import operator_pb2

from services.client.conversion import member_of, models_of, rung_of
from services.client.types import ModelVersion, Rung


class ReplicaState(StrEnum):
    """Whether the gateway asks a replica; UNKNOWN is a state that only a newer gateway knows."""

    READY = "ready"
    NOT_READY = "not_ready"
    PASSED_OVER = "passed_over"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """One process behind the gateway.

    Attributes:
        address: its `host:port`.
        state: whether it is asked.
        in_flight: calls of the gateway that it has not answered.
        snapshot_ids: what a searcher serves; empty for a Triton.
        problem: why it did not say what it serves; empty when it did.
    """

    address: str
    state: ReplicaState
    in_flight: int
    snapshot_ids: tuple[str, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class ShardStatus:
    """One shard: its slug, its category (empty for the baseline's), and the addresses of its replicas."""

    slug: str
    category: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecentAnswers:
    """What became of the last photos.

    Attributes:
        period_seconds: how far back it goes.
        answers: photos answered.
        partial: answers that lack a planned shard.
        errors: photos that ended with an error.
        mean_coverage: mean share of the probability mass whose shards answered, in [0, 1]; 0 without answers.
        rungs: answers by rung.
    """

    period_seconds: float
    answers: int
    partial: int
    errors: int
    mean_coverage: float
    rungs: Mapping[Rung, int]


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """What one gateway sees.

    Attributes:
        snapshot_id: what photos are answered from.
        published_snapshot_id: what CURRENT names; empty when the gateway does not follow it, or can't read it.
        models: the models.
        tritons: all of them.
        searchers: all of them.
        shards: all of the snapshot, by slug.
        rung: for a photo that came now.
        in_flight: photos in work.
        in_flight_limit: photos that may be.
        waiting: photos that wait for their turn.
        recent: the last minute.
    """

    snapshot_id: str
    published_snapshot_id: str
    models: tuple[ModelVersion, ...]
    tritons: tuple[ReplicaStatus, ...]
    searchers: tuple[ReplicaStatus, ...]
    shards: tuple[ShardStatus, ...]
    rung: Rung
    in_flight: int
    in_flight_limit: int
    waiting: int
    recent: RecentAnswers


def from_status(response: operator_pb2.GetStatusResponse) -> GatewayStatus:
    """Return what a gateway told."""
    recent = response.recent
    return GatewayStatus(
        snapshot_id=response.snapshot_id,
        published_snapshot_id=response.published_snapshot_id,
        models=models_of(response.models),
        tritons=_replicas(response.tritons),
        searchers=_replicas(response.searchers),
        shards=tuple(ShardStatus(each.slug, each.category, tuple(each.addresses)) for each in response.shards),
        rung=rung_of(response.rung),
        in_flight=response.in_flight,
        in_flight_limit=response.in_flight_limit,
        waiting=response.waiting,
        recent=RecentAnswers(
            period_seconds=recent.period.ToNanoseconds() / 1e9,
            answers=recent.answers,
            partial=recent.partial,
            errors=recent.errors,
            mean_coverage=recent.mean_coverage,
            rungs={rung_of(each.rung): each.answers for each in recent.rungs},
        ),
    )


def _replicas(replicas: Sequence[operator_pb2.Replica]) -> tuple[ReplicaStatus, ...]:
    return tuple(
        ReplicaStatus(
            each.address,
            member_of(ReplicaState, operator_pb2.ReplicaState.items(), "REPLICA_STATE_", each.state),
            each.in_flight,
            tuple(each.snapshot_ids),
            each.problem,
        )
        for each in replicas
    )
