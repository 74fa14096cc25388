"""From what a call came to, to what is counted of it."""

from collections import Counter
from collections.abc import Sequence

import grpc
import grpc.aio
from aisle.search.v1 import search_pb2

from services.common.errors import Internal, Overloaded
from services.common.status import failure_of
from services.evaluation.metrics import ranks_of, recall_at_k
from services.loadtest.scenario import Kind
from services.loadtest.tally import RECALL_AT, Outcome, Reply

_RUNGS = {number: name.removeprefix("RUNG_").lower() for name, number in search_pb2.Rung.items()}
_SHARD_STATES = {number: name.removeprefix("SHARD_STATE_").lower() for name, number in search_pb2.ShardState.items()}
_WITH_HITS = {search_pb2.SHARD_STATE_ANSWERED, search_pb2.SHARD_STATE_HEDGED}


def answered(response: search_pb2.SearchResponse | None, kind: Kind, products: Sequence[str], seconds: float) -> Reply:
    """Return what is counted of an answer.

    Args:
        response: the answer; None, which gRPC makes of bytes that are no message, counts as an error.
        kind: what was asked for.
        products: what is on the photo; nothing where nobody compares.
        seconds: from the intended time of sending to the answer.
    """
    if response is None:
        return Reply(Outcome.ERROR, seconds, in_time=False, code=Internal.code, reason=Internal.reason)
    is_partial = response.coverage.partial
    recall = dict[int, float]()
    if products:
        ranks = ranks_of([hit.product_id for hit in response.hits], products)
        recall = {first: recall_at_k(ranks, len(products), first) for first in RECALL_AT if first <= kind.top_k}
    return Reply(
        outcome=Outcome.PARTIAL if is_partial else Outcome.OK,
        seconds=seconds,
        in_time=not is_partial and seconds * 1000 <= kind.deadline_ms,
        code="OK",
        rung=_RUNGS.get(response.rung, "unknown"),
        missing_shards=_missing(response.coverage) if is_partial else {},
        coverage=response.coverage.share,
        stages_seconds={timing.stage: timing.duration.ToNanoseconds() / 1e9 for timing in response.timings},
        recall=recall,
    )


def _missing(coverage: search_pb2.Coverage) -> Counter[str]:
    """Return the planned shards whose hits are not in the answer, by state."""
    return Counter(
        _SHARD_STATES.get(shard.state, "unknown") for shard in coverage.shards if shard.state not in _WITH_HITS
    )


def failed(error: grpc.aio.AioRpcError, seconds: float) -> Reply:
    """Return what is counted of a call that failed after so many seconds."""
    failure = failure_of(error)
    is_shed = failure.reason == Overloaded.reason
    return Reply(
        Outcome.SHED if is_shed else Outcome.ERROR, seconds, in_time=False, code=failure.code, reason=failure.reason
    )
