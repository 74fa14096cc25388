"""Between the caller's types and the wire's; the only place of the client that knows the messages' fields."""

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import TypeVar

from aisle.filter.v1 import filter_pb2
from aisle.search.v1 import search_pb2
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2

from services.client.types import (
    AttributeType,
    Catalog,
    CatalogCategory,
    CategoryProbability,
    Coverage,
    ModelVersion,
    PhotoReport,
    ProductHit,
    Rung,
    SearchOptions,
    SearchOutcome,
    SearchResult,
    ShardCoverage,
    ShardState,
    Verdict,
)
from services.common.errors import AisleError, CoverageTooLow, InvalidArgument
from services.common.status import Failure, from_failure
from services.filters.conversion import message_from


def to_request(image: bytes, options: SearchOptions) -> search_pb2.SearchRequest:
    """Return the request for a photo; what is absent stays absent, for the gateway holds the defaults.

    Raises:
        InvalidArgument: an option that can't even be written down, such as a `top_k` beyond 32 bits.
    """
    try:
        return _to_request(image, options)
    except (AttributeError, TypeError, ValueError) as error:
        raise InvalidArgument(f"search options: {error}", field="options") from None


def _to_request(image: bytes, options: SearchOptions) -> search_pb2.SearchRequest:
    request = search_pb2.SearchRequest(
        image=image,
        top_k=options.get("top_k"),
        routing=search_pb2.Routing(
            probability_mass=options.get("probability_mass"),
            categories=options.get("categories", ()),
            exact=options.get("exact"),
        ),
        minimum_coverage=options.get("minimum_coverage"),
    )
    if "policy" in options:
        request.routing.policy = search_pb2.Policy.Value(f"POLICY_{options['policy'].name}")  # type: ignore[assignment]
    if "criticality" in options:
        request.criticality = search_pb2.Criticality.Value(f"CRITICALITY_{options['criticality'].name}")  # type: ignore[assignment]
    where = options.get("where")
    if where is not None:
        request.filter.CopyFrom(message_from(where))
    region = options.get("region")
    if region is not None:
        request.region.CopyFrom(
            search_pb2.Region(x_min=region.x_min, y_min=region.y_min, x_max=region.x_max, y_max=region.y_max)
        )
    return request


def from_response(response: search_pb2.SearchResponse, request_id: str = "") -> SearchResult:
    """Return the answer to one photo; `request_id` is what it was asked with."""
    return SearchResult(
        hits=tuple(
            ProductHit(hit.product_id, hit.image_id, hit.category, hit.score, hit.similarity, hit.image_path)
            for hit in response.hits
        ),
        categories=tuple(CategoryProbability(each.category, each.probability) for each in response.categories),
        coverage=Coverage(
            share=response.coverage.share,
            planned_share=response.coverage.planned_share,
            partial=response.coverage.partial,
            shards=tuple(_shard_coverage(shard) for shard in response.coverage.shards),
        ),
        photo=PhotoReport(
            format=response.photo.format,
            width=response.photo.width,
            height=response.photo.height,
            orientation=response.photo.orientation,
            decode_reduction=response.photo.decode_reduction,
            cropped=response.photo.cropped,
        ),
        timings_ms={timing.stage: timing.duration.ToNanoseconds() / 1e6 for timing in response.timings},
        snapshot_id=response.snapshot_id,
        models=models_of(response.models),
        rung=rung_of(response.rung),
        verdict=member_of(Verdict, search_pb2.Verdict.items(), "VERDICT_", response.verdict),
        request_id=request_id,
    )


def from_error(error: AisleError, request_id: str) -> AisleError:
    """Return the error that callers get: it names the request; one for too little coverage has what was found, too."""
    error.request_id = request_id
    if isinstance(error, CoverageTooLow):
        response = search_pb2.SearchResponse()
        for detail in error.details:
            with suppress(DecodeError):  # what a newer or a broken peer sends is no answer
                if isinstance(detail, any_pb2.Any) and detail.Unpack(response):
                    error.found = from_response(response, request_id)
    return error


def from_stream_response(response: search_pb2.SearchStreamResponse) -> SearchOutcome:
    """Return what became of one photo of a stream."""
    if response.HasField("response"):
        return SearchOutcome(response.request_id, result=from_response(response.response, response.request_id))
    error = response.error
    code = code_pb2.Code.Name(error.code) if error.code in code_pb2.Code.values() else "UNKNOWN"
    retry_after_seconds = error.retry_delay.ToNanoseconds() / 1e9 if error.HasField("retry_delay") else None
    failed = from_failure(Failure(code, error.reason, error.message, error.field, retry_after_seconds))
    failed.request_id = response.request_id
    if isinstance(failed, CoverageTooLow) and error.HasField("found"):
        failed.found = from_response(error.found, response.request_id)
    return SearchOutcome(response.request_id, error=failed)


def from_catalog_pages(pages: Sequence[search_pb2.GetCatalogResponse]) -> Catalog:
    """Return the whole catalogue from its pages, all of one snapshot; there is at least one."""
    first = pages[0]
    return Catalog(
        categories=tuple(
            CatalogCategory(each.category, each.products, each.images, each.routable)
            for page in pages
            for each in page.categories
        ),
        snapshot_id=first.snapshot_id,
        space_id=first.space_id,
        models=models_of(first.models),
        has_baseline=first.has_baseline,
        is_adaptive_fitted=first.is_adaptive_fitted,
        attributes={
            each.name: member_of(AttributeType, filter_pb2.AttributeType.items(), "ATTRIBUTE_TYPE_", each.type)
            for each in first.attributes
        },
    )


def _shard_coverage(shard: search_pb2.ShardCoverage) -> ShardCoverage:
    return ShardCoverage(
        category=shard.category,
        state=member_of(ShardState, search_pb2.ShardState.items(), "SHARD_STATE_", shard.state),
        probability=shard.probability,
        latency_ms=shard.latency.ToNanoseconds() / 1e6,
        detail=shard.detail,
        exhausted=shard.exhausted,
        wave=shard.wave,
    )


def rung_of(value: int) -> Rung:
    """Return a rung."""
    return member_of(Rung, search_pb2.Rung.items(), "RUNG_", value)


def models_of(models: Sequence[search_pb2.ModelVersion]) -> tuple[ModelVersion, ...]:
    """Return the models' versions."""
    return tuple(ModelVersion(model.name, model.version, model.sha256) for model in models)


E = TypeVar("E", bound=StrEnum)


def member_of(enum: type[E], names: Sequence[tuple[str, int]], prefix: str, value: int) -> E:
    """Return our member of a wire value; `UNKNOWN` for one of a newer release."""
    name = next((name for name, number in names if number == value), "").removeprefix(prefix)
    return enum.__members__.get(name, enum.__members__["UNKNOWN"])
