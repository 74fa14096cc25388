"""Between the caller's types and the wire's."""

import pytest
from aisle.filter.v1 import filter_pb2
from aisle.search.v1 import search_pb2

from services.client.conversion import from_catalog_pages, from_response, from_stream_response, to_request
from services.client.types import AttributeType, Criticality, Policy, Region, Rung, SearchOptions, ShardState, Verdict
from services.common.errors import AisleError, ImageUnreadable, Internal, InvalidArgument
from services.filters.conversion import predicate_from
from services.filters.predicate import Equals, Range
from tests.support.answers import answer_of


def test_what_is_absent_stays_absent() -> None:
    """The gateway holds the defaults, so an empty request carries the photo only."""
    assert to_request(b"photo", {}) == search_pb2.SearchRequest(image=b"photo", routing=search_pb2.Routing())
    assert not to_request(b"photo", {}).HasField("top_k")


def test_a_zero_that_was_asked_for_is_sent() -> None:
    """`top_k=0` must reach the gateway and be refused there, not become the default."""
    assert to_request(b"", {"top_k": 0}).HasField("top_k")


@pytest.mark.parametrize("policy", list(Policy))
def test_every_policy_has_its_wire_value(policy: Policy) -> None:
    """Ours and the wire's names agree."""
    sent = to_request(b"", {"policy": policy}).routing.policy
    assert search_pb2.Policy.Name(sent) == f"POLICY_{policy.name}"


def test_every_wire_value_has_a_member() -> None:
    """A policy, state or rung that is added to the protos is missed here."""
    assert {name.removeprefix("POLICY_") for name in search_pb2.Policy.keys()} - {"UNSPECIFIED"} == set(  # noqa: SIM118
        Policy.__members__
    )
    for enum, ours, prefix in (
        (search_pb2.ShardState, ShardState, "SHARD_STATE_"),
        (search_pb2.Rung, Rung, "RUNG_"),
        (search_pb2.Verdict, Verdict, "VERDICT_"),
        (search_pb2.Criticality, Criticality, "CRITICALITY_"),
        (filter_pb2.AttributeType, AttributeType, "ATTRIBUTE_TYPE_"),
    ):
        wire = {name.removeprefix(prefix) for name in enum.keys()} - {"UNSPECIFIED"}  # noqa: SIM118
        assert wire == set(ours.__members__) - {"UNKNOWN"}


def test_region_and_criticality_are_sent() -> None:
    """All four edges, in their places."""
    options: SearchOptions = {"region": Region(0.125, 0.25, 0.5, 0.75), "criticality": Criticality.BATCH}
    request = to_request(b"", options)
    region = request.region
    assert (region.x_min, region.y_min, region.x_max, region.y_max) == (0.125, 0.25, 0.5, 0.75)
    assert request.criticality == search_pb2.Criticality.CRITICALITY_BATCH


@pytest.mark.parametrize(
    "options",
    [
        {"top_k": 10**12},
        {"top_k": "ten"},
        {"categories": (3,)},
        {"region": (0, 0, 1, 1)},
        {"policy": "top_1"},
        {"where": "colour=red"},
        {"where": Equals("size", 2**63)},
        {"where": {"size": 5}},
    ],
)
def test_what_can_not_be_written_down_is_an_invalid_argument(options: SearchOptions) -> None:
    """A caller without a type checker gets our error, not protobuf's."""
    with pytest.raises(InvalidArgument):
        to_request(b"", options)


def test_routing_s_parameters_are_sent() -> None:
    """Mass, categories and exactness, each in its place."""
    options: SearchOptions = {"probability_mass": 0.5, "categories": ("Shoes", "Bags"), "exact": True}
    routing = to_request(b"", options).routing
    assert (routing.probability_mass, list(routing.categories), routing.exact) == (0.5, ["Shoes", "Bags"], True)


def test_a_filter_is_sent() -> None:
    """None is the same as no filter."""
    where = Equals("colour", "red") & ~Range("price", at_least=10, below=50.5)
    assert predicate_from(to_request(b"", {"where": where}).filter) == where
    assert not to_request(b"", {"where": None}).HasField("filter")


def test_what_is_told_of_shards_and_of_the_match_is_read() -> None:
    """The verdict, which shards have no more, and in which wave they were asked."""
    result = from_response(answer_of("p", partial=True))
    assert result.verdict is Verdict.MATCH
    assert [(shard.exhausted, shard.wave) for shard in result.coverage.shards] == [(True, 1), (False, 2)]


@pytest.mark.parametrize("number", [0, 77])
def test_a_verdict_that_was_not_given_or_is_newer_is_unknown(number: int) -> None:
    """Neither a match nor none."""
    response = search_pb2.SearchResponse.FromString(bytes((0x48, number)))  # field 9: verdict
    assert from_response(response).verdict is Verdict.UNKNOWN


def test_states_of_a_newer_gateway_are_unknown() -> None:
    """An old client reads a new gateway's answers."""
    response = search_pb2.SearchResponse.FromString(bytes((0x40, 77)))  # field 8: rung
    response.coverage.shards.append(search_pb2.ShardCoverage.FromString(bytes((0x10, 99))))  # field 2: state
    result = from_response(response)
    assert result.rung is Rung.UNKNOWN
    assert result.coverage.shards[0].state is ShardState.UNKNOWN


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [(3, "IMAGE_UNREADABLE", ImageUnreadable), (3, "NEW", InvalidArgument), (99, "NEW", Internal)],
)
def test_a_failed_photo_has_the_class_of_its_reason(code: int, reason: str, expected: type[AisleError]) -> None:
    """Also when code or reason are those of a newer release."""
    error = search_pb2.StreamError(code=code, reason=reason, message="why", field="image")
    outcome = from_stream_response(search_pb2.SearchStreamResponse(request_id="7", error=error))
    assert (outcome.request_id, outcome.result) == ("7", None)
    assert type(outcome.error) is expected
    assert outcome.error.field == "image"
    assert outcome.error.retry_after_seconds is None


def test_a_failed_photo_tells_when_to_come_back() -> None:
    """The delay of the answer, in seconds; 0 is a delay too."""
    for seconds in (0.25, 0.0):
        error = search_pb2.StreamError(code=8, reason="OVERLOADED")
        error.retry_delay.FromMilliseconds(round(seconds * 1e3))
        outcome = from_stream_response(search_pb2.SearchStreamResponse(error=error))
        assert outcome.error is not None
        assert outcome.error.retry_after_seconds == seconds


def test_both_shares_of_the_coverage_are_told() -> None:
    """What was planned beside what answered."""
    coverage = search_pb2.Coverage(share=0.25, planned_share=0.5, partial=True)
    result = from_response(search_pb2.SearchResponse(coverage=coverage))
    assert (result.coverage.share, result.coverage.planned_share, result.coverage.partial) == (0.25, 0.5, True)


def test_pages_are_joined_in_order() -> None:
    """The first page tells about the snapshot, all pages have categories."""
    pages = [
        search_pb2.GetCatalogResponse(
            categories=[search_pb2.CatalogCategory(category=name, products=1, images=2, routable=True)],
            snapshot_id="s",
            has_baseline=True,
            is_adaptive_fitted=True,
            attributes=[
                filter_pb2.Attribute(name="price", type=filter_pb2.ATTRIBUTE_TYPE_FLOAT),
                filter_pb2.Attribute.FromString(b"\x0a\x05newer\x10\x63"),
            ],
        )
        for name in "ab"
    ]
    catalog = from_catalog_pages(pages)
    assert [each.category for each in catalog.categories] == ["a", "b"]
    assert (catalog.snapshot_id, catalog.has_baseline, catalog.is_adaptive_fitted) == ("s", True, True)
    assert catalog.attributes == {"price": AttributeType.FLOAT, "newer": AttributeType.UNKNOWN}
