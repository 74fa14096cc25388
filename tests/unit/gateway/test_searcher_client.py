"""What the gateway believes of a searcher's answer; the calls themselves are tested against real searchers."""

import math
from types import SimpleNamespace

import pytest
from aisle.shard.v1 import shard_pb2 as pb

from services.common.errors import AisleError, Internal, ShardNotServed, SnapshotMismatch
from services.gateway.extra_calls import ExtraCalls, ExtraRules
from services.gateway.hedging import Hedging
from services.gateway.replicas import EjectionRules, Replicas
from services.gateway.scatter import ShardQuery
from services.gateway.searcher_client import SearcherClient
from tests.support.clocks import ManualClock
from tests.support.gateway import manifest_of

MANIFEST = manifest_of()


def client(*targets: str) -> SearcherClient:
    clock = ManualClock()
    replicas = Replicas(targets, EjectionRules(), clock=clock, lot=lambda: 0.0)
    return SearcherClient(
        {"shoes": targets}, MANIFEST, Hedging(replicas, ExtraCalls(ExtraRules(), clock), clock), clock
    )


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


async def test_what_exact_searches_take_says_nothing_about_others() -> None:
    """They take a hundred times as long; hedges of usual searches would come too late for as long as they last."""
    searchers = client("somewhere")

    async def search(*_: object, **__: object) -> pb.SearchResponse:
        return pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours()])

    searchers._stubs["somewhere"] = SimpleNamespace(Search=search)  # type: ignore[assignment]
    for _ in range(12):
        await searchers.search("shoes", ShardQuery(b"", 2, exact=True), 1.0, None)
    await searchers.search("shoes", ShardQuery(b"", 2, exact=False, batch=True), 1.0, None)
    assert searchers._times["shoes", True, False].median is not None
    assert searchers._times["shoes", False, False].median is None
    await searchers.close()


async def test_an_answer_is_taken_as_it_is() -> None:
    """Ids, paths and similarities in their order, and whether there are more."""
    answer = pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours()])
    hits = client()._hits("shoes", answer, 2)
    assert not hits.exhausted
    answer.neighbours[0].exhausted = True
    assert client()._hits("shoes", answer, 2).exhausted
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
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id), Internal),
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours()] * 2), Internal),
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours(products=1)]), Internal),
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours(images=3)]), Internal),
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours(paths=0)]), Internal),
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours(similarity=math.nan)]), Internal),
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours(similarity=math.inf)]), Internal),
        (pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours(similarity=0.8)]), Internal),
    ],
)
async def test_an_impossible_answer_is_none(answer: pb.SearchResponse | None, error: type[AisleError]) -> None:
    """A wrong answer is worse than a missing one; the message has the shard."""
    with pytest.raises(error, match="shoes"):
        client()._hits("shoes", answer, 2)


async def test_no_more_is_taken_than_was_asked_for() -> None:
    """A searcher that sends more than `top_k` misunderstood the question."""
    answer = pb.SearchResponse(snapshot_id=MANIFEST.snapshot_id, neighbours=[neighbours()])
    with pytest.raises(Internal, match="shoes"):
        client()._hits("shoes", answer, 1)


@pytest.mark.parametrize("slug", ["shoes", "bags"])
async def test_a_shard_without_searcher_is_said_at_once(slug: str) -> None:
    """Whether the topology lists it without replicas or not at all."""
    with pytest.raises(ShardNotServed, match=slug):
        await client().search(slug, ShardQuery(b"", 10, exact=False), 1.0, None)
