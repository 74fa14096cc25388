"""At the edge every field is checked, and what fits passes through unchanged."""

from collections.abc import Callable

import numpy as np
import pytest
from aisle.filter.v1 import filter_pb2
from aisle.shard.v1 import shard_pb2

from services.common.errors import (
    AisleError,
    FilterInvalid,
    InvalidArgument,
    ShardNotServed,
    SpaceMismatch,
    VectorInvalid,
)
from services.filters.conversion import predicate_from
from services.filters.predicate import Predicate, Present
from services.searcher import conversion
from services.searcher.conversion import predicate_of, query_vectors_of, search_response, shard_of, top_k_of
from services.searcher.loading import Known, LoadedSnapshot
from services.searcher.shard import ProductHits
from tests.support import shards
from tests.support.snapshots import unit_vectors

DIMENSION = 8
SHARD = shards.shard_of(unit_vectors(4, DIMENSION), ["a", "a", "b", "b"])
LOADED = LoadedSnapshot("snapshot-1", "space-1", DIMENSION, {"shoes": SHARD}, Known())


def request(**changes: object) -> shard_pb2.SearchRequest:
    """Return a good request with some fields changed."""
    fields: dict[str, object] = {
        "shard": "shoes",
        "query_vectors": unit_vectors(2, DIMENSION).astype("<f4").tobytes(),
        "rows": 2,
        "dimension": DIMENSION,
        "top_k": 5,
        "snapshot_id": "snapshot-1",
        "space_id": "space-1",
    }
    return shard_pb2.SearchRequest(**(fields | changes))  # type: ignore[arg-type]


def vectors_with(number: float) -> bytes:
    """Return query vectors, one number of which is replaced."""
    vectors = unit_vectors(2, DIMENSION)
    vectors[1, 3] = number
    return vectors.astype("<f4").tobytes()


def test_a_good_request_passes_unchanged() -> None:
    """The vectors arrive bit by bit, in rows."""
    good = request()

    assert shard_of(good, LOADED) is SHARD
    assert top_k_of(good) == 5
    vectors = query_vectors_of(good, DIMENSION)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, unit_vectors(2, DIMENSION))


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"space_id": ""}, InvalidArgument, "space_id"),
        ({"space_id": "space-2"}, SpaceMismatch, "space_id"),
        ({"shard": "bags"}, ShardNotServed, "shard"),
        ({"shard": ""}, ShardNotServed, "shard"),
    ],
)
def test_another_shard_or_space_is_refused(changes: dict[str, object], error: type[AisleError], field: str) -> None:
    """Hits of what the caller did not mean are never given."""
    with pytest.raises(error) as refusal:
        shard_of(request(**changes), LOADED)
    assert type(refusal.value) is error
    assert refusal.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"rows": 0}, "rows"),
        ({"rows": -1}, "rows"),
        ({"rows": 1_025}, "rows"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": -5}, "top_k"),
        ({"top_k": 1_001}, "top_k"),
        ({"rows": 1_024, "top_k": 98}, "top_k"),
    ],
)
def test_counts_out_of_range_are_refused(changes: dict[str, object], field: str) -> None:
    """Each count has its range, and so has the size of the answer."""
    with pytest.raises(InvalidArgument) as refusal:
        top_k_of(request(**changes))
    assert refusal.value.field == field


@pytest.mark.parametrize(
    "changes", [{"rows": 1_024, "top_k": 97}, {"rows": 100, "top_k": 1_000}, {"rows": 1, "top_k": 1}]
)
def test_counts_at_the_edge_of_their_range_pass(changes: dict[str, int]) -> None:
    """The limits themselves are allowed."""
    assert top_k_of(request(**changes)) == changes["top_k"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"dimension": 7}, "dimension"),
        ({"dimension": 0}, "dimension"),
        ({"dimension": -8}, "dimension"),
        ({"query_vectors": b""}, "query_vectors"),
        ({"query_vectors": bytes(2 * DIMENSION * 4 - 1)}, "query_vectors"),
        ({"query_vectors": bytes(2 * DIMENSION * 8)}, "query_vectors"),
        ({"query_vectors": bytes(2 * DIMENSION * 4)}, "query_vectors"),
        ({"query_vectors": vectors_with(np.nan)}, "query_vectors"),
        ({"query_vectors": vectors_with(np.inf)}, "query_vectors"),
        ({"query_vectors": vectors_with(-np.inf)}, "query_vectors"),
        ({"query_vectors": vectors_with(3e38)}, "query_vectors"),
        ({"query_vectors": vectors_with(2.0)}, "query_vectors"),
    ],
)
def test_vectors_that_can_t_be_searched_with_are_refused(changes: dict[str, object], field: str) -> None:
    """Bytes that don't fit their shape, numbers that are not finite and vectors that are not of unit length."""
    with pytest.raises(VectorInvalid) as refusal:
        query_vectors_of(request(**changes), DIMENSION)
    assert refusal.value.field == field


@pytest.mark.parametrize("convert", [np.float16, lambda vectors: np.round(vectors * 127) / 127])
def test_rounding_of_a_low_precision_embedder_is_no_fault(convert: Callable[[object], object]) -> None:
    """Half and 8-bit precision miss unit length a little."""
    rounded = np.asarray(convert(unit_vectors(2, DIMENSION)), dtype="<f4")

    query_vectors_of(request(query_vectors=rounded.tobytes()), DIMENSION)


def test_a_filter_is_converted_and_checked() -> None:
    """Against the shard's own attributes; without one, everything may be found."""
    present = filter_pb2.Filter(present=filter_pb2.Present(attribute="colour"))
    assert predicate_of(request(filter=present), {"colour": "string"}) == Present("colour")
    assert predicate_of(request(), {}) is None
    with pytest.raises(FilterInvalid) as refusal:
        predicate_of(request(filter=present), {"size": "integer"})
    assert refusal.value.field == "filter.present.attribute"


def test_hits_become_a_message() -> None:
    """Every column arrives, one entry per query vector."""
    hits = [
        ProductHits(["p"], ["i"], ["i.jpg"], ["c"], [0.5], exhausted=True),
        ProductHits([], [], [], [], [], exhausted=False),
    ]

    response = search_response(hits, "snapshot-1")

    assert response.snapshot_id == "snapshot-1"
    assert [list(row.product_ids) for row in response.neighbours] == [["p"], []]
    assert response.neighbours[0] == shard_pb2.Neighbours(
        product_ids=["p"], image_ids=["i"], image_paths=["i.jpg"], categories=["c"], similarities=[0.5], exhausted=True
    )
    assert not response.neighbours[1].exhausted


def test_a_filter_is_converted_once_for_all_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The event loop would stand still while each of thirty shards reads a thousand texts. Attributes count, too."""
    converted: list[filter_pb2.Filter] = []

    def counted(message: filter_pb2.Filter) -> Predicate:
        converted.append(message)
        return predicate_from(message)

    monkeypatch.setattr(conversion, "predicate_from", counted)
    asked = request(filter=filter_pb2.Filter(present=filter_pb2.Present(attribute="asked-once")))
    for _ in range(3):
        assert predicate_of(asked, {"asked-once": "string"}) == Present("asked-once")
    assert len(converted) == 1
    with pytest.raises(FilterInvalid):
        predicate_of(asked, {})
