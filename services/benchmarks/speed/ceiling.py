"""One gateway process before stubs that answer at once: how many photos it manages, and what a large one costs it."""

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import grpc.aio

from services.benchmarks.starting import Started, started
from services.cli.supervising.machine import free_ports
from services.cli.supervising.processes import Kind, ProcessSpec
from services.cli.supervising.specs import gateway_spec
from services.client.conversion import to_request
from services.client.types import Policy, SearchOptions
from services.common.errors import Internal
from services.common.status import failure_of, from_failure
from services.gateway.peers.topology import Topology
from services.loadtest.synthetic import synthetic_jpeg
from services.loadtest.target import Target, channel_to, search_call
from services.loadtest.usage import use_of
from services.models.child_processes import tied_to_parent
from services.snapshot.store import SnapshotStore

_USUAL_BYTES, _LARGE_BYTES = 30_000, 3_000_000
_PHOTOS = 16
_IN_FLIGHT = 8
_WARM_UP_SECONDS = 0.5
_TIMEOUT_SECONDS = 5.0
_ASKED = SearchOptions(policy=Policy.TOP_1)
"""One shard a photo, whatever the snapshot has learned; ADAPTIVE asks about as many."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What photos of one size cost.

    Attributes:
        photos_per_second: answered.
        p50_ms: as the caller saw it.
        cpu_ms: processor time for each, by process.
    """

    photos_per_second: float
    p50_ms: float
    cpu_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class BeforeStubs:
    """A gateway and what is behind it.

    Attributes:
        gateway: it.
        behind: the stubs, and a Triton where there is one, by name.
    """

    gateway: Started
    behind: Mapping[str, Started]

    async def usual(self, seconds: float) -> Cost:
        """Send photos of 30 kB, several at a time, for so long."""
        return await self.cost(usual_photos(), _IN_FLIGHT, seconds)

    async def large(self, seconds: float) -> Cost:
        """Send a photo of 3 MB again and again, one at a time."""
        return await self.cost([synthetic_jpeg(_LARGE_BYTES, 0)], 1, seconds)

    async def cost(self, images: Sequence[bytes], in_flight: int, seconds: float) -> Cost:
        """Send these photos again and again, so many at a time, for so long.

        Raises:
            AisleError: one was not answered, or not in full.
        """
        requests = [to_request(image, _ASKED).SerializeToString() for image in images]
        pids = {"gateway": self.gateway.pid, **{name: process.pid for name, process in self.behind.items()}}
        async with channel_to(Target(address=self.gateway.address)) as channel:
            call = search_call(channel)
            await _answered(call, requests, in_flight, _WARM_UP_SECONDS)
            before, began = await asyncio.to_thread(use_of, pids), time.perf_counter()
            times = await _answered(call, requests, in_flight, seconds)
            took, after = time.perf_counter() - began, await asyncio.to_thread(use_of, pids)
        cpu_ms = {name: 1000 * (after[name].cpu_seconds - before[name].cpu_seconds) / len(times) for name in pids}
        return Cost(len(times) / took, 1000 * median(times), cpu_ms)


def usual_photos() -> list[bytes]:
    """Return made-up photos of 30 kB."""
    return [synthetic_jpeg(_USUAL_BYTES, seed) for seed in range(_PHOTOS)]


@asynccontextmanager
async def gateway_before_stubs(
    folder: Path, models: Path, snapshot_root: str, triton: Started | None = None
) -> AsyncIterator[BeforeStubs]:
    """Run a gateway and its stubs for the time of the context; enter it in the main thread.

    Args:
        folder: for logs and the shard map.
        models: model repository whose configurations the stub tells.
        snapshot_root: its current snapshot is told of.
        triton: a Triton to be asked instead of its stub.

    Raises:
        SnapshotNotFound: nothing was published there.
        Internal: a process ended instead of serving.
    """
    manifest = await asyncio.to_thread(SnapshotStore(snapshot_root).manifest)
    stub_port, gateway_port = free_ports(2)
    async with started(_stub_spec(models, snapshot_root, manifest.snapshot_id, stub_port), folder) as stub:
        topology = folder / "topology.json"
        shards = {shard.slug: (stub.address,) for shard in manifest.shards}
        topology.write_text(Topology(shards=shards).model_dump_json())
        models_at = stub if triton is None else triton
        spec = gateway_spec(snapshot_root, manifest.snapshot_id, topology, models_at.address, gateway_port)
        async with started(spec, folder) as gateway:
            yield BeforeStubs(gateway, {"stub": stub} if triton is None else {"stub": stub, "triton": triton})


def _stub_spec(models: Path, snapshot_root: str, snapshot_id: str, port: int) -> ProcessSpec:
    argv = (
        *(sys.executable, "-m", "services.benchmarks.speed.stub", "--port", str(port), "--models", str(models)),
        *("--snapshot-root", snapshot_root, "--snapshot-id", snapshot_id),
    )
    return ProcessSpec("stub", Kind.TRITON, tied_to_parent(argv), f"127.0.0.1:{port}")


async def _answered(call: Any, requests: Sequence[bytes], in_flight: int, seconds: float) -> list[float]:
    """Keep so many photos in flight for so long, and return how long each took, seconds.

    Raises:
        AisleError: one was not answered, or not in full.
    """
    times: list[float] = []
    until = time.perf_counter() + seconds
    waiting = itertools.cycle(requests)

    async def ask() -> None:
        while (began := time.perf_counter()) < until:
            try:
                response = await call(next(waiting), timeout=_TIMEOUT_SECONDS)
            except grpc.aio.AioRpcError as error:
                raise from_failure(failure_of(error)) from None
            times.append(time.perf_counter() - began)
            if not response.hits or response.coverage.partial:
                raise Internal(f"a gateway before stubs gave no full answer: {response.coverage}")

    try:
        async with asyncio.TaskGroup() as callers:
            for _ in range(in_flight):
                callers.create_task(ask())
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return times
