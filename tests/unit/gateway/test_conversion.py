"""Every field and every enum value, both ways; what the proto gains and the conversion lacks fails here."""

import base64
import dataclasses
import math
from typing import Any
from urllib.parse import quote

import pytest
from aisle.filter.v1 import filter_pb2
from aisle.search.v1 import search_pb2 as pb

from services.common.criticality import Criticality
from services.common.errors import (
    CoverageTooLow,
    ImageTooLarge,
    InvalidArgument,
    Overloaded,
    RegionInvalid,
    UnknownCategory,
)
from services.common.status import trailing_metadata, wire_text
from services.filters.predicate import Equals
from services.gateway.answering.coverage import ShardCoverage, ShardState, cover
from services.gateway.answering.merging import Hit
from services.gateway.answering.query import Answer, ModelVersion, Policy, Query, Rung, Verdict
from services.gateway.conversion import found_of, query_from, response_from, stream_error_from
from services.photo.intake import PhotoReport
from services.photo.region import Region

UNKNOWN: Any = 99  # a newer caller's enum number

ANSWER = Answer(
    hits=(
        Hit("p1", "i1", "i1.jpg", "Shoes", score=0.875, similarity=0.75),
        Hit("p2", "i2", "i2.jpg", "Bags", score=0.5, similarity=-0.25),
    ),
    categories=(("Shoes", 0.75), ("Bags", 0.25)),
    coverage=cover(
        [
            ShardCoverage("Shoes", ShardState.ANSWERED, 0.75, 0.002),
            ShardCoverage("Bags", ShardState.LATE, 0.125, 1.5, "too late", exhausted=True, wave=2),
        ]
    ),
    photo=PhotoReport("WEBP", 4000, 3000, 6, 8, cropped=True),
    stage_seconds={"decode": 0.001, "total": 2.25},
    snapshot_id="20260131T120000Z-0123456789ab",
    models=(ModelVersion("embedder", "e-1", "ab" * 32),),
    rung=Rung.NO_CLASSIFIER,
    verdict=Verdict.NO_GOOD_MATCH,
)

REQUEST = pb.SearchRequest(
    image=b"photo",
    region=pb.Region(x_min=0.125, y_min=0.25, x_max=0.5, y_max=1.0),
    top_k=7,
    routing=pb.Routing(policy=pb.POLICY_TOP_P, probability_mass=0.75, categories=["Shoes", "Bags"], exact=True),
    criticality=pb.CRITICALITY_BATCH,
    minimum_coverage=0.5,
    filter=filter_pb2.Filter(equals=filter_pb2.Equals(attribute="colour", value=filter_pb2.Value(string_value="red"))),
)


def test_every_field_of_a_request_reaches_the_query() -> None:
    """None is left out."""
    assert query_from(REQUEST) == Query(
        image=b"photo",
        region=Region(0.125, 0.25, 0.5, 1.0),
        top_k=7,
        policy=Policy.TOP_P,
        probability_mass=0.75,
        categories=("Shoes", "Bags"),
        minimum_coverage=0.5,
        exact=True,
        criticality=Criticality.BATCH,
        predicate=Equals("colour", "red"),
    )


def test_what_a_request_leaves_out_has_its_default() -> None:
    """Ten products of the whole picture, ADAPTIVE, the gateway's own mass, any coverage, by the shards' indexes."""
    assert query_from(pb.SearchRequest(image=b"photo")) == Query(
        b"photo", None, 10, Policy.ADAPTIVE, None, (), 0.0, exact=False
    )


def test_every_policy_is_mapped() -> None:
    """Each of the proto's values has a meaning, and each of ours can be asked for."""
    asked = {
        number: query_from(pb.SearchRequest(routing=pb.Routing(policy=pb.Policy.Name(number)))).policy
        for number in pb.Policy.values()
    }
    assert set(asked.values()) == set(Policy)
    for number, policy in asked.items():
        expected = "ADAPTIVE" if number == pb.POLICY_UNSPECIFIED else policy.name
        assert pb.Policy.Name(number) in (f"POLICY_{expected}", "POLICY_UNSPECIFIED")


def test_every_criticality_is_accepted() -> None:
    """None of the proto's values is an error."""
    for name in pb.Criticality.keys():  # noqa: SIM118 - no mapping
        query_from(pb.SearchRequest(criticality=name))


@pytest.mark.parametrize("state", list(ShardState))
def test_every_state_is_mapped(state: ShardState) -> None:
    """Each of ours to the one of the same name."""
    answer = dataclasses.replace(ANSWER, coverage=cover([ShardCoverage("Shoes", state, 1.0, 0.0)]))
    (shard,) = response_from(answer).coverage.shards
    assert pb.ShardState.Name(shard.state) == f"SHARD_STATE_{state.name}"


@pytest.mark.parametrize("rung", list(Rung))
def test_every_rung_is_mapped(rung: Rung) -> None:
    """Each of ours to the one of the same name."""
    assert pb.Rung.Name(response_from(dataclasses.replace(ANSWER, rung=rung)).rung) == f"RUNG_{rung.name}"


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_is_mapped(verdict: Verdict) -> None:
    """Each of ours to the one of the same name; what is not known is the zero."""
    name = "UNSPECIFIED" if verdict is Verdict.UNKNOWN else verdict.name
    sent = response_from(dataclasses.replace(ANSWER, verdict=verdict)).verdict
    assert pb.Verdict.Name(sent) == f"VERDICT_{name}"


def test_what_the_proto_has_beyond_our_own_states_is_said_to_be_not_sent() -> None:
    """The zero of each."""
    assert len(pb.ShardState.values()) == len(ShardState) + 1
    assert len(pb.Rung.values()) == len(Rung) + 1
    assert len(pb.Verdict.values()) == len(Verdict)


def test_what_covers_too_little_fits_into_an_error() -> None:
    """About ten hits and ten shards, whatever there was."""
    found = stream_error_from(_too_low(ANSWER.hits[0], "too low")).found
    assert min(len(found.hits), len(found.coverage.shards)) >= 8
    assert found.ByteSize() <= 3_000


@pytest.mark.parametrize("product_id", ["ü" * 400, "p" * 100_000])
def test_trailers_stay_below_what_grpc_refuses_at_random(product_id: str) -> None:
    """However long the catalogue's ids and the error's words are: `grpc.max_metadata_size` is 8,192 bytes."""
    error = _too_low(dataclasses.replace(ANSWER.hits[0], product_id=product_id), "\N{WHITE HEAVY CHECK MARK}" * 900)
    found = found_of(error)
    assert found is not None
    error.details = (found,)
    ((key, status),) = trailing_metadata(error)
    trailers = len(key) + len(base64.b64encode(status)) + len(quote(wire_text(error)))
    assert trailers < 8_192 - 256  # what else gRPC puts there
    assert found.coverage.share > 0


def _too_low(hit: Hit, message: str) -> CoverageTooLow:
    error = CoverageTooLow(message, field="minimum_coverage")
    shards = ANSWER.coverage.shards[:1] * 1_000
    error.found = dataclasses.replace(
        ANSWER, hits=(hit,) * 1_000, coverage=dataclasses.replace(ANSWER.coverage, shards=shards)
    )
    return error


def test_the_error_of_one_photo_says_when_to_come_back() -> None:
    """As `RetryInfo` does for a call of its own; absent when that is not known."""
    assert stream_error_from(Overloaded("full", retry_after_seconds=0.25)).retry_delay.ToMilliseconds() == 250
    assert not stream_error_from(Overloaded("full")).HasField("retry_delay")


def test_every_field_of_an_answer_reaches_the_wire() -> None:
    """The whole message, field by field."""
    response = response_from(ANSWER)
    assert [
        (hit.product_id, hit.image_id, hit.image_path, hit.category, hit.score, hit.similarity) for hit in response.hits
    ] == [
        ("p1", "i1", "i1.jpg", "Shoes", 0.875, 0.75),
        ("p2", "i2", "i2.jpg", "Bags", 0.5, -0.25),
    ]
    assert [(each.category, each.probability) for each in response.categories] == [("Shoes", 0.75), ("Bags", 0.25)]
    assert (response.coverage.share, response.coverage.planned_share, response.coverage.partial) == (0.75, 0.875, True)
    late = response.coverage.shards[1]
    assert (late.category, late.state, late.probability, late.detail) == (
        "Bags",
        pb.SHARD_STATE_LATE,
        0.125,
        "too late",
    )
    assert late.latency.ToMilliseconds() == 1_500
    assert (late.exhausted, late.wave) == (True, 2)
    assert (response.coverage.shards[0].exhausted, response.coverage.shards[0].wave) == (False, 1)
    photo = response.photo
    assert (photo.format, photo.width, photo.height) == ("WEBP", 4000, 3000)
    assert (photo.orientation, photo.decode_reduction, photo.cropped) == (6, 8, True)
    assert {each.stage: each.duration.ToMilliseconds() for each in response.timings} == {"decode": 1, "total": 2_250}
    assert response.snapshot_id == ANSWER.snapshot_id
    assert [(model.name, model.version, model.sha256) for model in response.models] == [("embedder", "e-1", "ab" * 32)]
    assert response.rung == pb.RUNG_NO_CLASSIFIER
    assert response.verdict == pb.VERDICT_NO_GOOD_MATCH


def test_no_field_of_the_response_is_forgotten() -> None:
    """An answer in which everything is set makes a message in which everything is set."""
    response = response_from(ANSWER)
    messages = [
        response,
        response.hits[0],
        response.categories[0],
        response.coverage,
        response.coverage.shards[1],
        response.photo,
        response.timings[0],
        response.models[0],
    ]
    for message in messages:
        assert {field.name for field, _ in message.ListFields()} == set(message.DESCRIPTOR.fields_by_name)


@pytest.mark.parametrize(
    ("request_", "error", "field"),
    [
        (pb.SearchRequest(top_k=0), InvalidArgument, "top_k"),
        (pb.SearchRequest(top_k=10_000), InvalidArgument, "top_k"),
        (pb.SearchRequest(routing=pb.Routing(policy=UNKNOWN)), InvalidArgument, "routing.policy"),
        (pb.SearchRequest(routing=pb.Routing(probability_mass=math.nan)), InvalidArgument, "routing.probability_mass"),
        (pb.SearchRequest(routing=pb.Routing(probability_mass=-1)), InvalidArgument, "routing.probability_mass"),
        (pb.SearchRequest(criticality=UNKNOWN), InvalidArgument, "criticality"),
        (pb.SearchRequest(minimum_coverage=math.nan), InvalidArgument, "minimum_coverage"),
        (pb.SearchRequest(region=pb.Region()), RegionInvalid, "region.x_min"),
        (pb.SearchRequest(region=pb.Region(x_max=2.0, y_max=1.0)), RegionInvalid, "region.x_max"),
        (pb.SearchRequest(region=pb.Region(x_max=1.0, y_max=math.nan)), RegionInvalid, "region.y_max"),
    ],
)
def test_a_bad_value_names_its_field(request_: pb.SearchRequest, error: type[InvalidArgument], field: str) -> None:
    """Unknown enum numbers, numbers that are none, boxes that are none."""
    with pytest.raises(error) as refused:
        query_from(request_)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            UnknownCategory("no such", field="routing.categories"),
            (3, "UNKNOWN_CATEGORY", "no such", "routing.categories"),
        ),
        (ImageTooLarge("huge", field="image"), (8, "IMAGE_TOO_LARGE", "huge", "image")),
    ],
)
def test_a_photo_s_error_tells_what_its_call_would_have_told(
    error: InvalidArgument, expected: tuple[int, str, str, str]
) -> None:
    """Code, reason, message and field."""
    told = stream_error_from(error)
    assert (told.code, told.reason, told.message, told.field) == expected
