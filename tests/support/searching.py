"""What tests ask a searcher, and what they do to its files."""

from collections.abc import Awaitable
from pathlib import Path

import grpc.aio
import pytest
from aisle.shard.v1 import shard_pb2

from services.common.status import Failure, failure_of
from tests.support.snapshots import PublishedSnapshot, unit_vectors

DIMENSION = 16
"""Of the vectors that searchers are asked for."""


def request(snapshot: PublishedSnapshot, shard: object = "shoes", **changes: object) -> shard_pb2.SearchRequest:
    """Return a good request for three query vectors, with some fields changed."""
    fields: dict[str, object] = {
        "shard": shard,
        "query_vectors": unit_vectors(3, DIMENSION, seed=5).astype("<f4").tobytes(),
        "rows": 3,
        "dimension": DIMENSION,
        "top_k": 4,
        "snapshot_id": snapshot.manifest.snapshot_id,
        "space_id": snapshot.manifest.space_id,
    }
    return shard_pb2.SearchRequest(**(fields | changes))  # type: ignore[arg-type]


async def refused(call: Awaitable[object]) -> Failure:
    """Return what a call failed with."""
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await call
    return failure_of(failed.value)


def flip_a_byte(path: Path) -> None:
    """Change one bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
