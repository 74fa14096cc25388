"""Between `aisle.search.v1` messages and the gateway's own types; nothing else here knows the proto's fields."""

from typing import Any

from aisle.search.v1 import search_pb2 as pb
from google.protobuf import duration_pb2
from google.rpc import code_pb2

from services.common.criticality import Criticality
from services.common.errors import AisleError, CoverageTooLow, InvalidArgument
from services.common.status import wire_text
from services.filters.conversion import predicate_from
from services.gateway.answering.coverage import Coverage, ShardState
from services.gateway.answering.merging import Hit
from services.gateway.answering.query import (
    DEFAULT_TOP_K,
    MAX_CATEGORIES,
    Answer,
    ModelVersion,
    Policy,
    Query,
    Rung,
    Verdict,
)
from services.photo.intake import PhotoReport
from services.photo.region import Region

_POLICIES = {
    pb.POLICY_UNSPECIFIED: Policy.ADAPTIVE,
    pb.POLICY_TOP_1: Policy.TOP_1,
    pb.POLICY_TOP_P: Policy.TOP_P,
    pb.POLICY_ALL: Policy.ALL,
    pb.POLICY_BASELINE: Policy.BASELINE,
    pb.POLICY_ADAPTIVE: Policy.ADAPTIVE,
}
_STATES = {
    ShardState.ANSWERED: pb.SHARD_STATE_ANSWERED,
    ShardState.HEDGED: pb.SHARD_STATE_HEDGED,
    ShardState.LATE: pb.SHARD_STATE_LATE,
    ShardState.FAILED: pb.SHARD_STATE_FAILED,
    ShardState.SKIPPED: pb.SHARD_STATE_SKIPPED,
}
_RUNGS = {
    Rung.FULL: pb.RUNG_FULL,
    Rung.NO_CLASSIFIER: pb.RUNG_NO_CLASSIFIER,
    Rung.NO_EXTRAS: pb.RUNG_NO_EXTRAS,
    Rung.FEWER_SHARDS: pb.RUNG_FEWER_SHARDS,
    Rung.COARSE: pb.RUNG_COARSE,
}
_CRITICALITIES = {
    pb.CRITICALITY_UNSPECIFIED: Criticality.INTERACTIVE,
    pb.CRITICALITY_INTERACTIVE: Criticality.INTERACTIVE,
    pb.CRITICALITY_BATCH: Criticality.BATCH,
}
# In base64 these are 4,000 of the 8,192 bytes that trailers may have (`services.common.status.wire_text`).
_MOST_FOUND_BYTES = 3000
_MOST_FOUND = 10
_VERDICTS = {
    Verdict.UNKNOWN: pb.VERDICT_UNSPECIFIED,
    Verdict.MATCH: pb.VERDICT_MATCH,
    Verdict.NO_GOOD_MATCH: pb.VERDICT_NO_GOOD_MATCH,
}


def query_from(request: pb.SearchRequest) -> Query:
    """Convert a request.

    Raises:
        InvalidArgument: a value outside its range, or of an enum that this release does not know; names the field.
    """
    policy = _POLICIES.get(request.routing.policy)
    if policy is None:
        raise InvalidArgument(f"unknown policy {request.routing.policy}", field="routing.policy")
    criticality = _CRITICALITIES.get(request.criticality)
    if criticality is None:
        raise InvalidArgument(f"unknown criticality {request.criticality}", field="criticality")
    box = request.region
    return Query(
        image=request.image,
        region=Region(box.x_min, box.y_min, box.x_max, box.y_max) if request.HasField("region") else None,
        top_k=request.top_k if request.HasField("top_k") else DEFAULT_TOP_K,
        policy=policy,
        probability_mass=request.routing.probability_mass or None,
        categories=tuple(request.routing.categories[: MAX_CATEGORIES + 1]),  # a message may hold millions
        minimum_coverage=request.minimum_coverage,
        exact=request.routing.exact,
        criticality=criticality,
        predicate=predicate_from(request.filter) if request.HasField("filter") else None,
    )


def criticality_from(request: pb.SearchRequest) -> Criticality:
    """Return who waits for a request, whatever else it says; a person where this release does not know."""
    return _CRITICALITIES.get(request.criticality, Criticality.INTERACTIVE)


def response_from(answer: Answer) -> pb.SearchResponse:
    """Convert an answer."""
    return pb.SearchResponse(
        hits=[_hit(hit) for hit in answer.hits],
        categories=[pb.CategoryProbability(category=name, probability=p) for name, p in answer.categories],
        coverage=_coverage(answer.coverage),
        photo=_photo(answer.photo),
        timings=[
            pb.StageTiming(stage=stage, duration=_duration(seconds)) for stage, seconds in answer.stage_seconds.items()
        ],
        snapshot_id=answer.snapshot_id,
        models=[model_from(version) for version in answer.models],
        rung=_RUNGS[answer.rung],
        verdict=_VERDICTS[answer.verdict],
    )


def rung_from(rung: Rung) -> pb.Rung:
    """Convert a rung."""
    return _RUNGS[rung]


def model_from(version: ModelVersion) -> pb.ModelVersion:
    """Convert a model's version."""
    return pb.ModelVersion(name=version.name, version=version.version, sha256=version.sha256)


def stream_error_from(error: AisleError) -> pb.StreamError:
    """Convert the error of one photo of a stream."""
    delay = error.retry_after_seconds
    return pb.StreamError(
        code=code_pb2.Code.Value(error.code),
        reason=error.reason,
        message=wire_text(error),
        field=error.field,
        retry_delay=None if delay is None else _duration(delay),
        found=found_of(error),
    )


def found_of(error: AisleError) -> pb.SearchResponse | None:
    """Convert what was found although it covers too little, cut to what fits beside an error; None of other errors."""
    if not (isinstance(error, CoverageTooLow) and isinstance(error.found, Answer)):
        return None
    response = response_from(error.found)
    lists: list[Any] = [response.hits, response.coverage.shards, response.categories, response.timings, response.models]
    for each in lists:
        del each[_MOST_FOUND:]
    while response.ByteSize() > _MOST_FOUND_BYTES and any(lists):
        del max(lists, key=len)[-1]
    return response


def _hit(hit: Hit) -> pb.Hit:
    return pb.Hit(
        product_id=hit.product_id,
        image_id=hit.image_id,
        category=hit.category,
        score=hit.score,
        similarity=hit.similarity,
        image_path=hit.image_path,
    )


def _coverage(coverage: Coverage) -> pb.Coverage:
    return pb.Coverage(
        share=coverage.share,
        planned_share=coverage.planned_share,
        partial=coverage.partial,
        shards=[
            pb.ShardCoverage(
                category=shard.category,
                state=_STATES[shard.state],
                probability=shard.probability,
                latency=_duration(shard.latency_seconds),
                detail=shard.detail,
                exhausted=shard.exhausted,
                wave=shard.wave,
            )
            for shard in coverage.shards
        ],
    )


def _photo(report: PhotoReport) -> pb.PhotoReport:
    return pb.PhotoReport(
        format=report.format,
        width=report.width,
        height=report.height,
        orientation=report.orientation,
        decode_reduction=report.decode_reduction,
        cropped=report.cropped,
    )


def _duration(seconds: float) -> duration_pb2.Duration:
    whole, nanos = divmod(round(seconds * 1e9), 1_000_000_000)
    return duration_pb2.Duration(seconds=whole, nanos=nanos)
