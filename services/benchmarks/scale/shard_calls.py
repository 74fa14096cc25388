"""A searcher as a process of its own, and calls to it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
from aisle.filter.v1 import filter_pb2
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc
from numpy.typing import NDArray

from services.benchmarks.gallery import Vectors
from services.benchmarks.scale.drawing import LOT
from services.benchmarks.starting import started
from services.cli.supervising.machine import free_ports
from services.cli.supervising.specs import searcher_spec
from services.common.channels import channel_options
from services.snapshot.manifest import Manifest

TOP_K = 10
_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class ShardCalls:
    """Calls one searcher.

    Attributes:
        stub: its service.
        manifest: the snapshot that it serves.
        ready_seconds: from the start of its process until it served.
    """

    stub: Any
    manifest: Manifest
    ready_seconds: float

    async def connected(self) -> None:
        """Connect, and return when that is done."""
        await self.stub.Describe(shard_pb2.DescribeRequest(), timeout=_TIMEOUT_SECONDS)

    async def search(
        self, slug: str, query_vectors: Vectors, *, exact: bool = False, lots_below: int | None = None
    ) -> list[list[str]]:
        """Return the ids of the ten best products of each query vector, best first.

        Args:
            slug: the shard.
            query_vectors: float32 `(rows, dimension)`.
            exact: whether to compare with every picture.
            lots_below: only pictures of lots below this may be found; None for all.
        """
        below = None if lots_below is None else filter_pb2.Value(integer_value=lots_below)
        wanted = None if below is None else filter_pb2.Filter(range=filter_pb2.Range(attribute=LOT, below=below))
        request = shard_pb2.SearchRequest(
            shard=slug,
            query_vectors=query_vectors.astype("<f4").tobytes(),
            rows=len(query_vectors),
            dimension=query_vectors.shape[1],
            top_k=TOP_K,
            snapshot_id=self.manifest.snapshot_id,
            space_id=self.manifest.space_id,
            exact=exact,
            filter=wanted,
        )
        answer = await self.stub.Search(request, timeout=_TIMEOUT_SECONDS)
        return [list(neighbours.product_ids) for neighbours in answer.neighbours]


@asynccontextmanager
async def running_searcher(
    folder: Path, root: Path, manifest: Manifest, slugs: Sequence[str]
) -> AsyncIterator[ShardCalls]:
    """Run a searcher for the time of the context; enter it in the main thread.

    Args:
        folder: for its log.
        root: where the snapshot is published, an absolute path.
        manifest: the snapshot's.
        slugs: the shards that it serves.

    Raises:
        Internal: it ended instead of serving; the message is its log's.
    """
    [port] = free_ports(1)
    spec = searcher_spec(str(root), manifest.snapshot_id, slugs, port)
    async with (
        started(spec, folder) as searcher,
        grpc.aio.insecure_channel(searcher.address, options=channel_options()) as channel,
    ):
        yield ShardCalls(shard_pb2_grpc.ShardServiceStub(channel), manifest, searcher.ready_seconds)


def recall(found: Sequence[Sequence[str]], exact: Sequence[Sequence[str]]) -> float:
    """Return the mean share of what exact searches find that was found; searches that find nothing don't count."""
    shares: NDArray[np.float64] = np.array(
        [len({*some} & {*every}) / len(every) for some, every in zip(found, exact, strict=True) if every]
    )
    return float(shares.mean())
