"""Aisle's processes, started as an operator starts them, and what they write to their logs."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any


class RunningProcess:
    """A process whose log is read line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.log: list[str] = []

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    async def logged(self, event: str) -> dict[str, Any]:
        """Read on until an event is logged, and return its line.

        Raises:
            AssertionError: the process ended without it; the log is the message.
        """
        assert self._process.stderr is not None
        while line := await self._process.stderr.readline():
            self.log.append(line.decode())
            if line.startswith(b"{"):
                fields: dict[str, Any] = json.loads(line)
                if fields["event"] == event:
                    return fields
        raise AssertionError("".join(self.log))

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Read the rest of the log and return the exit status."""
        assert self._process.stderr is not None
        rest = await self._process.stderr.read()
        self.log += rest.decode().splitlines(keepends=True)
        return await self._process.wait()


@asynccontextmanager
async def started(name: str, *argv: str, environ: Mapping[str, str] | None = None) -> AsyncIterator[RunningProcess]:
    """Start `python -m services.<name>` and yield it; whatever still runs in the end is killed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"services.{name}",
        *argv,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(environ or {})},
    )
    try:
        yield RunningProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
