"""Between the wire and the searcher's own types; on the way in, everything is checked. No FAISS, no event loop."""

import math
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

import numpy as np
from aisle.filter.v1 import filter_pb2
from aisle.shard.v1 import shard_pb2
from numpy.typing import NDArray

from services.common.errors import InvalidArgument, ShardNotServed, SpaceMismatch, VectorInvalid
from services.filters.checking import check
from services.filters.conversion import predicate_from
from services.filters.predicate import Predicate
from services.neighbours.vector_index import Effort
from services.searcher.loading import LoadedSnapshot
from services.searcher.shard import ProductHits, Shard
from services.snapshot.manifest import AttributeType, ShardEntry

_MAX_ROWS: Final = 1_024
_MAX_TOP_K: Final = 1_000
# An answer has to fit a message: 100,000 hits with long paths are 20 MB.
_MAX_HITS: Final = 100_000
# An embedder in half or 8-bit precision misses unit length by 1e-3.
_LENGTH_TOLERANCE: Final = 1e-2
_FILTERS_KEPT: Final = 16


def shard_of(request: shard_pb2.SearchRequest, loaded: LoadedSnapshot) -> Shard:
    """Return the shard that a request means.

    Raises:
        InvalidArgument: no space id.
        SpaceMismatch: the caller expects another space.
        ShardNotServed: this searcher does not have the shard.
    """
    if not request.space_id:
        raise InvalidArgument("space_id is empty: say which space the vectors are of", field="space_id")
    if request.space_id != loaded.space_id:
        raise SpaceMismatch(
            f"vectors of space {request.space_id!r}, but this searcher's are of {loaded.space_id!r}", field="space_id"
        )
    shard = loaded.shards.get(request.shard)
    if shard is None:
        raise ShardNotServed(
            f"shard {request.shard!r} is not served here; Describe lists those that are", field="shard"
        )
    return shard


def top_k_of(request: shard_pb2.SearchRequest) -> int:
    """Return how many products are wanted per query vector.

    Raises:
        InvalidArgument: a count is out of range.
    """
    _check_range("rows", request.rows, _MAX_ROWS)
    _check_range("top_k", request.top_k, _MAX_TOP_K)
    if request.rows * request.top_k > _MAX_HITS:
        raise InvalidArgument(
            f"rows * top_k is {request.rows * request.top_k}; an answer holds at most {_MAX_HITS} hits", field="top_k"
        )
    return request.top_k


def effort_of(request: shard_pb2.SearchRequest) -> Effort:
    """Return how closely the index is to look."""
    if request.exact:
        return Effort.EXACT
    return Effort.COARSE if request.coarse else Effort.TUNED


def predicate_of(request: shard_pb2.SearchRequest, attributes: Mapping[str, AttributeType]) -> Predicate | None:
    """Return the filter, None for everything.

    Args:
        request: what is asked.
        attributes: the shard's.

    Raises:
        FilterInvalid: it can't be asked of a shard with these attributes; names the field.
    """
    if not request.HasField("filter"):
        return None
    return _checked(request.filter.SerializeToString(), frozenset(attributes.items()))


def query_vectors_of(request: shard_pb2.SearchRequest, dimension: int) -> NDArray[np.float32]:
    """Return the query vectors, float32 `(rows, dimension)`.

    Raises:
        VectorInvalid: another dimension, bytes that don't fit the shape, a number that is not finite, or a vector
            that is not of unit length.
    """
    if request.dimension != dimension:
        raise VectorInvalid(f"dimension is {request.dimension}; the space's is {dimension}", field="dimension")
    expected = request.rows * dimension * 4
    if len(request.query_vectors) != expected:
        raise VectorInvalid(
            f"query_vectors has {len(request.query_vectors)} bytes; {request.rows} vectors need {expected}",
            field="query_vectors",
        )
    vectors = np.frombuffer(request.query_vectors, dtype="<f4").reshape(request.rows, dimension)
    if not np.isfinite(vectors).all():
        raise VectorInvalid("query_vectors holds a number that is not finite", field="query_vectors")
    with np.errstate(over="ignore"):
        squared_lengths = np.einsum("ij,ij->i", vectors, vectors)
    off = np.abs(np.sqrt(squared_lengths) - 1) > _LENGTH_TOLERANCE
    if off.any():
        row = int(off.argmax())
        length = math.sqrt(squared_lengths[row])
        raise VectorInvalid(f"query vector {row} has length {length:.4g}; it must be 1", field="query_vectors")
    return vectors.astype(np.float32, copy=False)


def search_response(hits: Iterable[ProductHits], snapshot_id: str) -> shard_pb2.SearchResponse:
    """Return the answer as a message."""
    neighbours = [
        shard_pb2.Neighbours(
            product_ids=hit.product_ids,
            image_ids=hit.image_ids,
            image_paths=hit.image_paths,
            categories=hit.categories,
            similarities=hit.similarities,
            exhausted=hit.exhausted,
        )
        for hit in hits
    ]
    return shard_pb2.SearchResponse(neighbours=neighbours, snapshot_id=snapshot_id)


def shard_description(entry: ShardEntry) -> shard_pb2.ShardDescription:
    """Return what Describe tells about a shard."""
    return shard_pb2.ShardDescription(
        shard=entry.slug,
        category=entry.category,
        images=entry.images,
        products=entry.products,
        index_factory=entry.index_factory,
    )


@lru_cache(maxsize=_FILTERS_KEPT)
def _checked(message: bytes, attributes: frozenset[tuple[str, AttributeType]]) -> Predicate:
    """Convert and check a filter: once, for every shard here is asked with it, and a thousand texts take 0.6 ms."""
    predicate = predicate_from(filter_pb2.Filter.FromString(message))
    check(predicate, dict(attributes))
    return predicate


def _check_range(field: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise InvalidArgument(f"{field} is {value}; it must be from 1 to {most}", field=field)
