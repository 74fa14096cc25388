"""One process of ours for the time of a context, and how long it took until it served."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.cli.supervising.child import Child
from services.cli.supervising.processes import ProcessSpec
from services.common.errors import Internal

_GRACE_SECONDS = 20.0
_POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Started:
    """A process that serves.

    Attributes:
        pid: its process id.
        address: `host:port`.
        ready_seconds: from its start until it said so.
    """

    pid: int
    address: str
    ready_seconds: float


@asynccontextmanager
async def started(spec: ProcessSpec, folder: Path) -> AsyncIterator[Started]:
    """Run a process for the time of the context; enter it in the main thread.

    Args:
        spec: how to run it.
        folder: for its log; made when it is missing.

    Raises:
        Internal: it ended instead of serving; the message is its log's.
    """
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - one local folder, before anything is measured
    began = time.perf_counter()
    child = await Child.start(spec, folder / f"{spec.name}.log")
    try:
        while not child.says_serving():
            if child.exit_status is not None:
                raise Internal(child.why_it_ended())
            await asyncio.sleep(_POLL_SECONDS)
        yield Started(child.pid, spec.address, time.perf_counter() - began)
    finally:
        await child.stop(_GRACE_SECONDS)
