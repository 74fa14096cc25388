"""A searcher of one shard with 60,000 vectors: how soon it serves, and what it keeps in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grpc.aio
import numpy as np
from aisle.shard.v1 import shard_pb2_grpc

from services.benchmarks.gallery import Shape
from services.benchmarks.scale.building import Built, built
from services.benchmarks.scale.photos import ServedModels
from services.benchmarks.scale.shard_calls import ShardCalls
from services.benchmarks.scale.shop import Photos, shop_of
from services.benchmarks.speed.footprint import resident_without_index
from services.benchmarks.starting import started
from services.cli.supervising.machine import free_ports
from services.cli.supervising.specs import searcher_spec
from services.common.channels import channel_options

_SHAPE = Shape(images=60_000, products=6_000, categories=1)
_SEED = 20
_SEARCHES = 200


@dataclass(frozen=True, slots=True)
class LargeShard:
    """A searcher of 60,000 vectors.

    Attributes:
        ready_seconds: from its start until it served, the median of some starts.
        resident_bytes: after some searches, without its mapped index.
    """

    ready_seconds: float
    resident_bytes: int


async def measured_large_shard(
    folder: Path, models: ServedModels, starts: int, say: Callable[[str], None]
) -> LargeShard:
    """Build the shard unless an earlier run did, and start its searcher several times.

    Args:
        folder: everything that is made lies here.
        models: whose space the vectors are said to be of.
        starts: how often it is started, at least once.
        say: hears of every step of building.

    Raises:
        Internal: the searcher ended instead of serving.
    """
    dimension, labels = models.embedder.output_size, len(models.classifier.labels)
    nobody = Photos(
        [], [], np.zeros(0, np.bool_), np.zeros((0, dimension), np.float32), np.zeros((0, labels), np.float32)
    )
    shop = shop_of(_SHAPE, _SEED, nobody, models.classifier.labels)
    large = await asyncio.to_thread(built, folder, shop, nobody, models, say)
    seen = [await _started(folder / "run", large) for _ in range(starts)]
    return LargeShard(median(each.ready_seconds for each in seen), max(each.resident_bytes for each in seen))


async def _started(folder: Path, large: Built) -> LargeShard:
    [shard] = large.manifest.category_shards
    photos = large.shop.gallery.photos(_SEARCHES).vectors
    [port] = free_ports(1)
    spec = searcher_spec(str(large.root), large.manifest.snapshot_id, (shard.slug,), port)
    async with (
        started(spec, folder) as searcher,
        grpc.aio.insecure_channel(searcher.address, options=channel_options()) as channel,
    ):
        calls = ShardCalls(shard_pb2_grpc.ShardServiceStub(channel), large.manifest, searcher.ready_seconds)
        for vector in photos:
            await calls.search(shard.slug, vector[None])
        resident = await asyncio.to_thread(resident_without_index, searcher.pid)
        return LargeShard(searcher.ready_seconds, resident)
