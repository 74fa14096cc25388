"""What the gateway believes of a searcher's answer; the calls themselves are tested against real searchers."""

import itertools
import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from types import SimpleNamespace

import grpc
import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2 as pb
from structlog.testing import capture_logs

from services.common.errors import AisleError, DeadlineExceeded, Internal, ShardNotServed, SnapshotMismatch
from services.common.status import trailing_metadata
from services.filters.conversion import predicate_from
from services.filters.predicate import Equals, Present
from services.gateway.answering.plan import RankedShard
from services.gateway.answering.scatter import ShardQuery
from services.gateway.peers.searcher_channels import SearcherChannels
from services.gateway.peers.searcher_client import SearcherClient
from services.gateway.replicas.choosing import EjectionRules, Replicas
from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from services.gateway.replicas.hedging import Hedging
from services.relevance.scoring import UNFITTED
from services.snapshot.manifest import BASELINE_SLUG
from tests.support.clocks import ManualClock
from tests.support.gateway import KEY
from tests.support.replicas import passed_over

QUERY = ShardQuery(KEY, b"", 2, exact=False)
SHOES = RankedShard("shoes", "Shoes", 1.0, UNFITTED)


def client(*targets: str) -> SearcherClient:
    clock = ManualClock()
    replicas = Replicas(targets, EjectionRules(), clock=clock, lot=lambda: 0.0)
    hedging = Hedging(replicas, ExtraCalls(ExtraRules(), clock), clock)
    return SearcherClient({"shoes": targets}, SearcherChannels(), hedging, clock)


def neighbours(
    products: int = 2,
    images: int = 2,
    paths: int = 2,
    categories: int = 2,
    similarity: float = 0.5,
    category: str = "Shoes",
) -> pb.Neighbours:
    return pb.Neighbours(
        product_ids=[f"p{number}" for number in range(products)],
        image_ids=["i"] * images,
        image_paths=["i.jpg"] * paths,
        categories=[category] * categories,
        similarities=[0.75, similarity],
    )


async def test_what_other_searches_take_says_nothing_about_usual_ones() -> None:
    """Exact ones take a hundred times as long; hedges of usual searches would come too late while they last."""
    searchers = client("somewhere")

    async def search(*_: object, **__: object) -> pb.SearchResponse:
        return pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours()])

    searchers._channels._stubs["somewhere"] = SimpleNamespace(Search=search)
    for _ in range(12):
        await searchers.search(SHOES, ShardQuery(KEY, b"", 2, exact=True), 1.0, None)
    await searchers.search(SHOES, ShardQuery(KEY, b"", 2, exact=False, batch=True), 1.0, None)
    for _ in range(12):
        await searchers.search(SHOES, replace(QUERY, predicate=Present("colour")), 1.0, None)
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
        await searchers.search(SHOES, replace(QUERY, predicate=predicate), 1.0, None)
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


async def test_a_description_without_end_ends() -> None:
    """With the page that comes twice, or with the time for all pages: then the searcher is one that does not answer."""
    searchers = client("somewhere")
    clock = searchers._clock
    assert isinstance(clock, ManualClock)
    timeouts, numbers = list[float](), itertools.count()

    def describe_with(token: Callable[[], str]) -> Callable[..., Awaitable[pb.DescribeResponse]]:
        async def describe(*_: object, timeout: float) -> pb.DescribeResponse:  # noqa: ASYNC109 - gRPC's name
            timeouts.append(timeout)
            if not timeout:
                raise grpc_error(grpc.StatusCode.DEADLINE_EXCEEDED)
            clock.advance(0.3)
            return pb.DescribeResponse(snapshot_id="a", next_page_token=token())

        return describe

    for token, error in ((lambda: "again", Internal), (lambda: str(next(numbers)), DeadlineExceeded)):
        timeouts.clear()
        searchers._channels._stubs["somewhere"] = SimpleNamespace(Describe=describe_with(token))
        with pytest.raises(error):
            await searchers.describe("somewhere", "a", used_snapshot_id="", timeout_seconds=1.0)
    assert timeouts == pytest.approx([1.0, 0.7, 0.4, 0.1, 0.0])


async def test_more_snapshots_than_anybody_serves_are_no_description() -> None:
    """Operators would wait for all of them to be passed on."""
    searchers = client("somewhere")

    async def describe(*_: object, **__: object) -> pb.DescribeResponse:
        return pb.DescribeResponse(snapshot_ids=map(str, range(200_000)))

    searchers._channels._stubs["somewhere"] = SimpleNamespace(Describe=describe)
    with pytest.raises(Internal, match="somewhere says that it serves 200,000 snapshots"):
        await searchers.snapshot_ids("somewhere", 1.0)


@pytest.mark.parametrize(("exact", "lost"), [(True, []), (False, ["somewhere"])])
async def test_exact_searches_that_are_late_take_the_shard_from_nobody(*, exact: bool, lost: list[str]) -> None:
    """Whoever gives them too little time is late anywhere; a late search of the usual kind is another matter."""
    searchers = client("somewhere")
    clock = searchers._clock
    assert isinstance(clock, ManualClock)

    async def late(*_: object, **__: object) -> None:
        clock.advance(0.8)
        raise grpc_error(grpc.StatusCode.DEADLINE_EXCEEDED)

    searchers._channels._stubs["somewhere"] = SimpleNamespace(Search=late)
    for _ in range(3):
        with pytest.raises(DeadlineExceeded):
            await searchers.search(SHOES, replace(QUERY, exact=exact), 0.8, None)
    assert passed_over(searchers._hedging._replicas) == lost


async def test_a_searcher_that_says_itself_that_it_had_too_little_time_is_well() -> None:
    """It waited for its turn until what was left was too little: others with more time are answered."""
    searchers = client("somewhere")
    clock = searchers._clock
    assert isinstance(clock, ManualClock)

    async def refused(*_: object, **__: object) -> None:
        clock.advance(0.8)
        raise aio_error(DeadlineExceeded("5 ms were left, and searches take 20 ms"))

    searchers._channels._stubs["somewhere"] = SimpleNamespace(Search=refused)
    for _ in range(3):
        with pytest.raises(DeadlineExceeded):
            await searchers.search(SHOES, QUERY, 0.8, None)
    assert passed_over(searchers._hedging._replicas) == []


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
    hits = client()._hits(SHOES, answer, QUERY)
    assert not hits.exhausted
    answer.neighbours[0].exhausted = True
    assert client()._hits(SHOES, answer, QUERY).exhausted
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
        (pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(category="Bags")]), Internal),
    ],
)
async def test_an_impossible_answer_is_none(answer: pb.SearchResponse | None, error: type[AisleError]) -> None:
    """A wrong answer is worse than a missing one; the message has the shard."""
    with pytest.raises(error, match="shoes"):
        client()._hits(SHOES, answer, QUERY)


async def test_the_baseline_has_products_of_every_category() -> None:
    """Its shard is of none."""
    answer = pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(category="Bags")])
    baseline = RankedShard(BASELINE_SLUG, "", 1.0, UNFITTED)
    assert set(client()._hits(baseline, answer, QUERY).categories) == {"Bags"}


async def test_a_defective_searcher_is_named_now_and_then_and_another_one_answers() -> None:
    """Its hits are of another shard. Every photo would say the same; one that breaks again later is news."""
    searchers = client("wrong", "right")

    def search_in(category: str) -> Callable[..., Awaitable[pb.SearchResponse]]:
        async def search(*_: object, **__: object) -> pb.SearchResponse:
            return pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(category=category)])

        return search

    stubs = searchers._channels._stubs
    for target, category in (("wrong", "Bags"), ("right", "Shoes")):
        stubs[target] = SimpleNamespace(Search=search_in(category))
    clock = searchers._clock
    assert isinstance(clock, ManualClock)
    for _ in range(2):
        with capture_logs() as log:
            for _ in range(4):
                reply = await searchers.search(SHOES, QUERY, 1.0, None)
                assert set(reply.value.categories) == {"Shoes"}
                clock.advance(60.0)  # so that it is tried again
        assert [(line["event"], line["replica"], line["shard"]) for line in log] == [
            ("searcher_defective", "wrong", "shoes")
        ]
        assert "'Shoes' answered with products of 'Bags'" in log[0]["error"]
        clock.advance(600.0)


async def test_no_more_is_taken_than_was_asked_for() -> None:
    """A searcher that sends more than `top_k` misunderstood the question; what it sent is not even looked at."""
    answer = pb.SearchResponse(snapshot_id=KEY.snapshot_id, neighbours=[neighbours(similarity=math.nan)])
    with pytest.raises(Internal, match="shoes answered with more than the best 1"):
        client()._hits(SHOES, answer, replace(QUERY, top_k=1))


@pytest.mark.parametrize("slug", ["shoes", "bags"])
async def test_a_shard_without_searcher_is_said_at_once(slug: str) -> None:
    """Whether the topology lists it without replicas or not at all."""
    with pytest.raises(ShardNotServed, match=slug):
        await client().search(replace(SHOES, slug=slug), ShardQuery(KEY, b"", 10, exact=False), 1.0, None)


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
        assert await searchers.search(SHOES, QUERY, 1.0, None)
    assert asked == ["lags", "serves", "serves", "serves"]
    before = replace(QUERY, snapshot=replace(KEY, snapshot_id="before"))
    assert await searchers.search(SHOES, before, 1.0, None)
    assert asked[4:] == ["lags"], "what it lacks of one snapshot says nothing about another"
    clock.advance(2.0)
    assert await searchers.search(SHOES, QUERY, 1.0, None)
    assert asked[5:] == ["lags", "serves"]
    assert len(searchers._asked_again_at) == 1, "what is over is forgotten"


def grpc_error(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    """Return what gRPC itself makes of a call that got no answer."""
    return grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(), details=code.name, debug_error_string=""
    )


def aio_error(error: AisleError) -> grpc.aio.AioRpcError:
    """Return what a caller gets to see of an error."""
    trailers = grpc.aio.Metadata(*trailing_metadata(error))
    return grpc.aio.AioRpcError(
        grpc.StatusCode[error.code], grpc.aio.Metadata(), trailers, details=error.message, debug_error_string=""
    )
