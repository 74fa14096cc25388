"""What situations measure with: shares, quantiles, a gateway's metrics, and what a system can do."""

import asyncio
import time
import urllib.request
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from services.benchmarks.targets import Target
from services.client import AisleClient, Policy
from services.common.errors import AisleError
from tests.support.cluster import photo
from tests.support.faults.history import PHOTOS, History

Situation = Callable[[Path, int], Awaitable[list[Target]]]
"""Given a folder and a seed, makes the situation and returns what was measured."""


def seconds_of(history: History, quantile: float) -> float:
    """Return how long answers took, from the moment in which they should have been asked for."""
    return float(np.quantile([each.late_by + each.seconds for each in history.outcomes], quantile))


def share(some: Sequence[object], of: Sequence[object]) -> float:
    """Return the share of those in percent."""
    return 100.0 * len(some) / max(1, len(of))


async def gauge(port: int, name: str) -> float:
    """Read one number of a gateway's metrics; a counter's labels are summed up."""

    def read() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
            return str(response.read().decode())

    lines = (await asyncio.to_thread(read)).splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.split("{")[0].split(" ")[0] == name)


async def capacity(target: str, policy: Policy = Policy.ADAPTIVE, in_flight: int = 16, seconds: float = 5.0) -> float:
    """Return how many answers a second come when so many are asked for at a time."""
    client, end, answered = AisleClient(target), time.monotonic() + seconds, 0

    async def ask() -> None:
        nonlocal answered
        while time.monotonic() < end:
            with suppress(AisleError):
                await client.search(photo(answered % PHOTOS), timeout_seconds=2.0, policy=policy)
                answered += 1

    began = time.monotonic()
    await asyncio.gather(*(ask() for _ in range(in_flight)))
    await client.close()
    return answered / (time.monotonic() - began)
