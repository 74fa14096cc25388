"""What the gateway believes of a searcher's answer; the calls themselves are tested against real searchers."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace

import grpc
import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2 as pb

from services.common.errors import AisleError, Internal, ShardNotServed, SnapshotMismatch
from services.common.status import trailing_metadata
from services.filters.conversion import predicate_from
from services.filters.predicate import Equals, Present
from services.gateway.answering.scatter import ShardQuery
from services.gateway.peers.searcher_channels import SearcherChannels
from services.gateway.peers.searcher_client import SearcherClient
from services.gateway.replicas.choosing import EjectionRules, Replicas
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.replicas.hedging import Hedging
from tests.support.clocks import ManualClock
from tests.support.gateway import KEY

QUERY = ShardQuery(KEY, b"", 2, exact=False)


def client(*targets: str) -> SearcherClient:
    clock = ManualClock()
    replicas = Replicas(targets, EjectionRules(), clock=clock, lot=lambda: 0.0)
    hedging = Hedging(replicas, ExtraCalls(ExtraRules(), clock), clock)
    return SearcherClient({"shoes": targets}, SearcherChannels(), hedging, clock)


def neighbours(
    products: int = 2, images: int = 2, paths: int = 2, categories: int = 2, similarity: float = 0.5
) -> pb.Neighbours:
    return pb.Neighbours(
        product_ids=[f"p{number}" for number in range(products)],
        image_ids=["i"] * images,
        image_paths=["i.jpg"] * paths,
        categories=["c"] * categories,
        similarities=[0.75, similarity],
    )


async def test_what_other_searches_take_says_nothing_about_usual_ones() -> None:
    """Exact ones take a hundred times as long; hedges of usual searches would come too late while they last."""
    searchers = client("somewhere")

    async def search(*_: object, **__: object) -> pb.SearchResponse:
        return pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours()])

    searchers._channels._stubs["somewhere"] = SimpleNamespace(Search=search)
    for _ in range(12):
        await searchers.search("shoes", ShardQuery(KEY, b"", 2, exact=True), 1.0, None)
    await searchers.search("shoes", ShardQuery(KEY, b"", 2, exact=False, batch=True), 1.0, None)
    for _ in range(12):
        await searchers.search("shoes", replace(QUERY, predicate=Present("colour")), 1.0, None)
    assert searchers._times["shoes", True, False, False].median is not None
    assert searchers._times["shoes", False, False, True].median is not None
    assert searchers._times["shoes", False, False, False].median is None


async def test_a_filter_goes_along() -> None:
    """The searcher reads what the caller said; without one the field is absent."""
    searchers = client("somewhere")
    requests: list[pb.SearchRequest] = []

    async def search(request: pb.SearchRequest, **_: object) -> pb.SearchResponse:
        requests.append(request)
        return pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours()])

    searchers._channels._stubs["somewhere"] = SimpleNamespace(Search=search)
    for predicate in (Present("colour") | Equals("size", 5), None):
        await searchers.search("shoes", replace(QUERY, predicate=predicate), 1.0, None)
    assert predicate_from(requests[0].filter) == Present("colour") | Equals("size", 5)
    assert not requests[1].HasField("filter")


async def test_a_description_that_is_no_message_is_an_error_of_ours() -> None:
    """gRPC gives None for such bytes; the searcher then counts as one that does not answer, and is asked again."""
    searchers = client("somewhere")

    async def describe(*_: object, **__: object) -> None:
        return None

    searchers._channels._stubs["somewhere"] = SimpleNamespace(Describe=describe)
    with pytest.raises(Internal, match="somewhere"):
        await searchers.describe("somewhere", "a", used_snapshot_id="", timeout_seconds=1.0)
    with pytest.raises(Internal, match="somewhere"):
        await searchers.snapshot_ids("somewhere", 1.0)


async def test_a_searcher_is_told_by_whom_a_snapshot_is_used() -> None:
    """Always the same caller, and another one than the gateway beside it."""
    requests: list[pb.DescribeRequest] = []

    async def describe(request: pb.DescribeRequest, **_: object) -> pb.DescribeResponse:
        requests.append(request)
        return pb.DescribeResponse(snapshot_id="b")

    for searchers in (client("somewhere"), client("somewhere")):
        searchers._channels._stubs["somewhere"] = SimpleNamespace(Describe=describe)
        for _ in range(2):
            await searchers.describe("somewhere", "b", used_snapshot_id="a", timeout_seconds=1.0)
        assert {request.used_snapshot_id for request in requests} == {"a"}
    callers = [request.caller for request in requests]
    assert callers[0] == callers[1] != callers[2] == callers[3]
    assert all(callers)


async def test_an_answer_is_taken_as_it_is() -> None:
    """Ids, paths and similarities in their order, and whether there are more."""
    answer = pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours()])
    hits = client()._hits("shoes", answer, QUERY)
    assert not hits.exhausted
    answer.neighbours[0].exhausted = True
    assert client()._hits("shoes", answer, QUERY).exhausted
    assert (list(hits.product_ids), list(hits.image_ids), list(hits.image_paths)) == (
        ["p0", "p1"],
        ["i"] * 2,
        ["i.jpg"] * 2,
    )
    assert hits.similarities.tolist() == [0.75, 0.5]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, Internal),
        (pb.SearchResponse(snapshot_id="another", neighbours=[neighbours()]), SnapshotMismatch),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id), Internal),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours()] * 2), Internal),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(products=1)]), Internal),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(images=3)]), Internal),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(paths=0)]), Internal),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(similarity=math.nan)]), Internal),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(similarity=math.inf)]), Internal),
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(similarity=0.8)]), Internal),
    ],
)
async def test_an_impossible_answer_is_none(answer: pb.SearchResponse | None, error: type[AisleError]) -> None:
    """A wrong answer is worse than a missing one; the message has the shard."""
    with pytest.raises(error, match="shoes"):
        client()._hits("shoes", answer, QUERY)


async def test_no_more_is_taken_than_was_asked_for() -> None:
    """A searcher that sends more than `top_k` misunderstood the question."""
    answer = pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours()])
    with pytest.raises(Internal, match="shoes"):
        client()._hits("shoes", answer, replace(QUERY, top_k=1))


@pytest.mark.parametrize("slug", ["shoes", "bags"])
async def test_a_shard_without_searcher_is_said_at_once(slug: str) -> None:
    """Whether the topology lists it without replicas or not at all."""
    with pytest.raises(ShardNotServed, match=slug):
        await client().search(slug, ShardQuery(KEY, b"", 10, exact=False), 1.0, None)


async def test_a_replica_that_lags_behind_is_stepped_over_whatever_extra_calls_may_cost() -> None:
    """Asked once in two seconds for each snapshot; the other one answers, without a share of extra calls."""
    asked: list[str] = []
    searchers = client("lags", "serves")
    searchers._hedging._extra = ExtraCalls(ExtraRules(share=0.0), searchers._clock)

    def search_at(target: str) -> Callable[..., Awaitable[pb.SearchResponse]]:
        async def search(request: pb.SearchRequest, **_: object) -> pb.SearchResponse:
            asked.append(target)
            if target == "lags" and request.snapshot_id == KEY.snapshot_id:
                raise aio_error(SnapshotMismatch("it is not here yet"))
            return pb.SearchResponse(snapshot_id=request.snapshot_id, neighbours=[neighbours()])

        return search

    for target in ("lags", "serves"):
        searchers._channels._stubs[target] = SimpleNamespace(Search=search_at(target))
    clock = searchers._clock
    assert isinstance(clock, ManualClock)
    for _ in range(3):
        assert await searchers.search("shoes", QUERY, 1.0, None)
    assert asked == ["lags", "serves", "serves", "serves"]
    before = replace(QUERY, snapshot=replace(KEY, snapshot_id="before"))
    assert await searchers.search("shoes", before, 1.0, None)
    assert asked[4:] == ["lags"], "what it lacks of one snapshot says nothing about another"
    clock.advance(2.0)
    assert await searchers.search("shoes", QUERY, 1.0, None)
    assert asked[5:] == ["lags", "serves"]
    assert len(searchers._asked_again_at) == 1, "what is over is forgotten"


def aio_error(error: AisleError) -> grpc.aio.AioRpcError:
    """Return what a caller gets to see of an error."""
    trailers = grpc.aio.Metadata(*trailing_metadata(error))
    return grpc.aio.AioRpcError(
        grpc.StatusCode[error.code], grpc.aio.Metadata(), trailers, details=error.message, debug_error_string=""
    )
