"""The processes of a system under fault, each by its name: started, killed, stopped and told to end by its own pid."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.models.child_processes import tied_to_parent
from tests.support.triton import ROOT

_START_SECONDS = 60.0
_END_SECONDS = 30.0


class Member:
    """One process, which can be started again on the same port after it has ended."""

    def __init__(self, name: str, argv: Sequence[str], folder: Path) -> None:
        """Create it; nothing runs yet.

        Args:
            name: for people, and of its log.
            argv: arguments for Python.
            folder: where its log goes.
        """
        self.name = name
        self._argv = argv
        self._log = folder / f"{name}.log"
        self._process: asyncio.subprocess.Process | None = None
        self._stopped = False
        self._groups: list[int] = []

    @property
    def pid(self) -> int:
        """Its number; 0 when it does not run."""
        return 0 if self._process is None or self._process.returncode is not None else self._process.pid

    async def start(self) -> None:
        """Start it, and return once it says in its log that it serves."""
        offset = self._log.stat().st_size if self._log.exists() else 0
        # By SIGKILL, which ends one that is stopped, too.
        command = tied_to_parent((sys.executable, *self._argv), "KILL")
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.PIPE, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )
        give_up = time.monotonic() + _START_SECONDS
        while (serving := self._serving_line(offset)) is None:
            if self._process.returncode is not None or time.monotonic() > give_up:
                raise AssertionError(f"{self.name} does not serve:\n{self._log.read_text()[-3_000:]}")
            await asyncio.sleep(0.02)
        # A launcher tells the group of the server that it launched.
        self._groups = [self._process.pid, *([serving["pid"]] if "pid" in serving else [])]

    def tell(self, **words: object) -> None:
        """Write a line of JSON to its standard input."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")

    def stop(self) -> None:
        """Let it hang: SIGSTOP. Triton's helpers are left alone: they would take its silence for its end."""
        self._signal(signal.SIGSTOP, os.kill)
        self._stopped = True

    def go_on(self) -> None:
        """Let it go on: SIGCONT."""
        self._signal(signal.SIGCONT, os.kill)
        self._stopped = False

    async def kill(self) -> None:
        """End it as a crash would: SIGKILL to all of its processes."""
        self._signal(signal.SIGKILL)
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()  # one that has not served yet has no group that we know of
            await self._process.wait()
        self._groups = []

    async def end(self) -> tuple[int, float]:
        """Tell it to end: SIGTERM; return its exit status and how many seconds it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        async with asyncio.timeout(_END_SECONDS):
            status = await self._process.wait()
        return status, time.monotonic() - began

    async def close(self) -> None:
        """Leave nothing of it behind."""
        if self._stopped:
            self.go_on()
        if self.pid:
            with suppress(TimeoutError):
                await self.end()
        await self.kill()

    def _serving_line(self, offset: int) -> dict[str, Any] | None:
        with self._log.open("rb") as log:
            log.seek(offset)
            return next((json.loads(line) for line in log if b'"event": "serving"' in line), None)

    def _signal(self, number: signal.Signals, send: Callable[[int, signal.Signals], None] = os.killpg) -> None:
        for group in self._groups:
            with suppress(ProcessLookupError):
                send(group, number)
