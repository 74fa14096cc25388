"""The whole system over a gallery and over a tenth of it: cascade against baseline, photo by photo in turns."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.benchmarks.scale.building import Built, Say
from services.benchmarks.scale.latency import Latency, latencies, turns
from services.benchmarks.scale.memory import Resident, resident
from services.benchmarks.scale.photos import ServedModels
from services.benchmarks.scale.shop import Photos
from services.cli.supervising.processes import Kind
from services.cli.supervising.specs import searcher_name
from services.cli.supervising.system import RunningSystem, SystemSettings, running_system
from services.client import AisleClient, Policy, SearchResult
from services.snapshot.manifest import BASELINE_SLUG

_TOP_K = 10
SEARCH_TIMEOUT_SECONDS = 30.0
"""An exact search of two million vectors takes half a second of a core, and the machine may be busy."""
START_TIMEOUT_SECONDS = 300.0
"""Two cores check the digests of 4 GB."""
_POLICIES = {"baseline": Policy.BASELINE, "cascade": Policy.ADAPTIVE}


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """What callers of the gateway see.

    Attributes:
        latency: of `baseline` and `cascade`, and of the `tenth`, the cascade over a tenth of the gallery.
        recall: share of the ten best products of an exact search that `baseline` and `cascade` find.
        right: share of the photos whose product comes first, and is among the first ten, by policy.
        shards: searched by the cascade for a photo, on average.
        categories: the searchers of all shards but the baseline, in memory.
        baseline: the baseline's searcher, in memory.
    """

    latency: Mapping[str, Latency]
    recall: Mapping[str, float]
    right: Mapping[str, tuple[float, float]]
    shards: float
    categories: Resident
    baseline: Resident


@dataclass(frozen=True, slots=True)
class Way:
    """One way to search a photo: through whose gateway, and by which policy."""

    name: str
    client: AisleClient
    policy: Policy

    async def search(self, photo: bytes, *, exact: bool = False) -> SearchResult:
        """Search a photo."""
        return await self.client.search(
            photo, timeout_seconds=SEARCH_TIMEOUT_SECONDS, policy=self.policy, top_k=_TOP_K, exact=exact
        )


async def measured_end_to_end(
    folder: Path,
    whole: Built,
    tenth: Built,
    photos: Photos,
    models: ServedModels,
    *,
    triton: str,
    rounds: int,
    shards_per_searcher: int,
    say: Say,
) -> EndToEnd:
    """Start both systems as processes, and search the photos that nothing was fitted to.

    Args:
        folder: for the processes' logs.
        whole: the gallery.
        tenth: a tenth of it.
        photos: real ones.
        models: what Triton serves.
        triton: its `host:port`.
        rounds: how often each photo is searched in each way.
        shards_per_searcher: how many shards share a process.
        say: hears of every step.

    Raises:
        AisleError: a process can't start, or a search fails.
    """
    shown = whole.shop.searched(photos)
    images = contents([photos.files[each.photo] for each in shown])
    products = [whole.shop.product_id(each.category, each.product) for each in shown]
    async with AsyncExitStack() as stack:
        systems: list[RunningSystem] = []
        clients: list[AisleClient] = []
        for name, built in (("whole", whole), ("tenth", tenth)):
            say(f"starting the system over {built.shop.gallery.shape.images:,} pictures")
            settings = SystemSettings(
                run_folder=folder / name,
                snapshot_root=str(built.root),
                snapshot_id=built.manifest.snapshot_id,
                triton=triton,
                model_repository=models.repository,
                gateway_port=0,
                shards_per_searcher=shards_per_searcher,
                start_timeout_seconds=START_TIMEOUT_SECONDS,
            )
            systems.append(await stack.enter_async_context(running_system(settings)))
            clients.append(await stack.enter_async_context(AisleClient(systems[-1].gateway)))
        ways = [Way(name, clients[0], policy) for name, policy in _POLICIES.items()]
        say(f"searching {len(images)} photos, {rounds} times in each way")
        latency = await _timed([*ways, Way("tenth", clients[1], Policy.ADAPTIVE)], images, rounds)
        say("comparing with exact searches")
        found = {way.name: [await way.search(image) for image in images] for way in ways}
        exact = {way.name: [await way.search(image, exact=True) for image in images] for way in ways}
        memory = {
            is_baseline: resident(searcher_pids(systems[0], baseline=is_baseline)) for is_baseline in (False, True)
        }
    return EndToEnd(
        latency=latency,
        recall={name: _recall(found[name], exact[name]) for name in _POLICIES},
        right={name: _right(found[name], products) for name in _POLICIES},
        shards=float(np.mean([len(result.coverage.shards) for result in found["cascade"]])),
        categories=memory[False],
        baseline=memory[True],
    )


def contents(files: Sequence[str]) -> list[bytes]:
    """Return what is in files."""
    return [Path(file).read_bytes() for file in files]


async def _timed(ways: Sequence[Way], images: Sequence[bytes], rounds: int) -> dict[str, Latency]:
    for way in ways:  # connecting is nobody's latency
        await way.search(images[0])
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    for number, image in enumerate(images):
        for way in turns(ways, number, rounds):
            began = time.perf_counter()
            await way.search(image)
            seconds[way.name].append(time.perf_counter() - began)
    return latencies(seconds)


def _recall(found: Sequence[SearchResult], exact: Sequence[SearchResult]) -> float:
    shares = [len(_products(a) & _products(b)) / len(b.hits) for a, b in zip(found, exact, strict=True) if b.hits]
    return float(np.mean(shares))


def _products(result: SearchResult) -> set[str]:
    return {hit.product_id for hit in result.hits}


def _right(found: Sequence[SearchResult], products: Sequence[str]) -> tuple[float, float]:
    firsts = [
        bool(result.hits) and result.hits[0].product_id == own for result, own in zip(found, products, strict=True)
    ]
    among = [own in _products(result) for result, own in zip(found, products, strict=True)]
    return float(np.mean(firsts)), float(np.mean(among))


def searcher_pids(system: RunningSystem, *, baseline: bool | None = None) -> list[int]:
    """Return the process ids of the searchers: the baseline's, the others', or (None) all."""
    name = searcher_name((BASELINE_SLUG,))
    return [
        status.pid
        for status in system.statuses
        if status.kind is Kind.SEARCHER and status.pid is not None and baseline in {None, status.name == name}
    ]
