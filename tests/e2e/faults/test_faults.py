"""The whole system under faults and load, checked against brute force: the short run; `make chaos` is the long one."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.faults.checker import Truth, broken
from tests.support.faults.history import MIXED, asked, poisson
from tests.support.faults.schedule import inflict, schedule
from tests.support.faults.system import running

SEED = 5
SECONDS = 20.0


@pytest.mark.triton
@pytest.mark.timeout(180)
async def test_no_invariant_breaks_under_faults(tmp_path: Path) -> None:
    """No mixed snapshots, no partial answer without its flag, no wrong full answer, and none after its deadline."""
    async with running(tmp_path, proxied=True) as system:
        loading = asyncio.create_task(asked(system.target, list(poisson(20.0, SECONDS, SEED, *MIXED))))
        faults = await inflict(system, list(schedule(SECONDS, SEED)), time.monotonic(), SECONDS)
        history = await loading
    lines = broken(history, Truth.of(system.snapshot))
    assert not lines, "\n".join([f"seed {SEED}", *(f"{at:.2f} s: {what}" for at, what in faults), *lines])
    assert len(history.full) > 0.9 * len(history.outcomes)
