"""One shard by itself: how soon its searcher is ready, what a call costs beside FAISS in process, what it finds."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import faiss
import numpy as np

from services.benchmarks.gallery import Vectors
from services.benchmarks.scale.building import Built, Say
from services.benchmarks.scale.latency import Latency
from services.benchmarks.scale.memory import drop_from_page_cache
from services.benchmarks.scale.shard_calls import TOP_K, ShardCalls, recall, running_searcher
from services.benchmarks.scale.shop import LOTS
from services.searcher.loading import load_shard
from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.store import SnapshotStore

USUAL_IMAGES = 62_500
"""What each of 32 shards would have of two million pictures, were they all as large."""
FILTERS: Mapping[str, int | None] = {"unfiltered": None, "half": LOTS // 2, "5 %": LOTS // 20, "0.5 %": LOTS // 200}
"""What passes, and the lots that do: those below the number."""
_STARTS = 5
_ROUNDS = 5
_ROWS_PER_CALL = 20


@dataclass(frozen=True, slots=True)
class OneShard:
    """What was measured of one shard.

    Attributes:
        slug: which one.
        images: in it.
        index_factory: its index.
        ready_seconds: from the start of the searcher's process until it served, its files not in memory: the median.
        first_query_ms: the first search after that, the median.
        remote: of searches over gRPC.
        direct: of the same searches in process, in turns with those.
        recall: share of the ten best products that is found, by filter; the least of all shards tried.
    """

    slug: str
    images: int
    index_factory: str
    ready_seconds: float
    first_query_ms: float
    remote: Latency
    direct: Latency
    recall: Mapping[str, float]


def usual_shard(manifest: Manifest) -> ShardEntry:
    """Return the shard of a category whose size is nearest to the usual one."""
    return min(manifest.category_shards, key=lambda shard: abs(shard.images - USUAL_IMAGES))


async def measured_shard(folder: Path, built: Built, queries: int, say: Say) -> OneShard:
    """Measure the shard whose size is nearest to the usual one; the recall of the largest one, too.

    Args:
        folder: for the searchers' logs.
        built: the gallery.
        queries: photos to draw.
        say: hears of every step.

    Raises:
        Internal: the searcher does not start.
    """
    usual = usual_shard(built.manifest)
    largest = max(built.manifest.category_shards, key=lambda shard: shard.images)
    say(f"starting the searcher of {usual.slug}, {usual.images:,} pictures, {_STARTS} times")
    vectors = _photos(built, usual, queries)
    ready_seconds, first_seconds = await _starts(folder, built, usual.slug, vectors)
    say(f"searching it for {queries} drawn photos, {_ROUNDS} times over gRPC and in process")
    async with running_searcher(folder, built.root, built.manifest, (usual.slug,)) as calls:
        remote, direct = await _side_by_side(calls, built, usual, vectors)
    found = {}
    for shard in dict.fromkeys((usual.slug, largest.slug)):
        say(f"comparing with exact searches of {shard}")
        async with running_searcher(folder, built.root, built.manifest, (shard,)) as calls:
            entry = built.manifest.shard(shard)
            assert entry is not None
            found[shard] = await _recalls(calls, shard, _photos(built, entry, queries))
    return OneShard(
        slug=usual.slug,
        images=usual.images,
        index_factory=usual.index_factory,
        ready_seconds=float(np.median(ready_seconds)),
        first_query_ms=float(np.median(first_seconds)) * 1000,
        remote=remote,
        direct=direct,
        recall={name: min(recalls[name] for recalls in found.values()) for name in FILTERS},
    )


def _photos(built: Built, shard: ShardEntry, count: int) -> Vectors:
    category = built.shop.names.index(shard.category)
    return built.shop.gallery.photos(count, seed=1, category=category).vectors


async def _starts(folder: Path, built: Built, slug: str, vectors: Vectors) -> tuple[list[float], list[float]]:
    ready, first = [], []
    for number in range(_STARTS):
        drop_from_page_cache(built.folder / slug)
        async with running_searcher(folder, built.root, built.manifest, (slug,)) as calls:
            await calls.connected()
            began = time.perf_counter()
            await calls.search(slug, vectors[number : number + 1])
            first.append(time.perf_counter() - began)
            ready.append(calls.ready_seconds)
    return ready, first


async def _side_by_side(
    calls: ShardCalls, built: Built, entry: ShardEntry, vectors: Vectors
) -> tuple[Latency, Latency]:
    shard = load_shard(SnapshotStore(built.root), built.manifest, entry)
    remote, direct = [], []
    with _one_thread():
        for number in range(_ROUNDS * len(vectors)):
            query = vectors[number % len(vectors)][np.newaxis]
            began = time.perf_counter()
            await calls.search(entry.slug, query)
            between = time.perf_counter()
            shard.search(query, TOP_K)
            remote.append(between - began)
            direct.append(time.perf_counter() - between)
    return Latency.of(remote), Latency.of(direct)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have FAISS search on one core, as a searcher does."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


async def _recalls(calls: ShardCalls, slug: str, vectors: Vectors) -> dict[str, float]:
    recalls = {}
    for name, lots_below in FILTERS.items():
        found: list[list[str]] = []
        exact: list[list[str]] = []
        for start in range(0, len(vectors), _ROWS_PER_CALL):
            rows = vectors[start : start + _ROWS_PER_CALL]
            found += await calls.search(slug, rows, lots_below=lots_below)
            exact += await calls.search(slug, rows, lots_below=lots_below, exact=True)
        recalls[name] = recall(found, exact)
    return recalls
