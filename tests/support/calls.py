"""Calls of a gateway, and what must have come of them."""

from collections.abc import Sequence
from typing import Any

import grpc.aio
import pytest
from aisle.search.v1 import search_pb2 as pb

from services.common.status import Failure, failure_of
from tests.support.cluster import TrueHit


def asked(policy: int, **others: Any) -> pb.Routing:
    """Return a routing with a policy."""
    return pb.Routing(policy=pb.Policy.Name(policy), **others)


def assert_same(hits: Sequence[pb.Hit], truth: Sequence[TrueHit]) -> None:
    """Product by product, image by image, number by number."""
    assert [(hit.product_id, hit.image_id) for hit in hits] == [(true.product_id, true.image_id) for true in truth]
    assert [hit.similarity for hit in hits] == pytest.approx([true.similarity for true in truth], abs=1e-5)
    assert [hit.score for hit in hits] == pytest.approx([true.score for true in truth], abs=1e-5)
    assert [hit.image_path for hit in hits] == [f"{true.image_id}.jpg" for true in truth]


async def failed(call: Any) -> Failure:
    """Return how a call failed; it must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return failure_of(error.value)
