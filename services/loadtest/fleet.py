"""The senders of a run: started together, listened to, and ended together."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from services.common.errors import AisleError, Internal, Unavailable
from services.loadtest.job import Job
from services.loadtest.measured import Ending
from services.models.child_processes import tied_to_parent

_MOST_LINE_BYTES = 2**26
_READY_SECONDS = 60.0

Hears = Callable[[int, int, dict[str, Any]], None]
"""Called with the second, the kind, and the tally as JSON's types."""


class Fleet:
    """Sender processes, each with its part of the plan."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process]) -> None:
        """Adopt the processes; use `started`."""
        self._processes = processes

    @classmethod
    @asynccontextmanager
    async def started(cls, job: Job, senders: int) -> AsyncIterator[Self]:
        """Start the senders, wait until all of them could send, and end whatever of them is left at the end.

        Raises:
            AisleError: one can't; the message says why.
        """
        command = tied_to_parent((sys.executable, "-m", "services.loadtest.sender"))
        processes = list[asyncio.subprocess.Process]()
        try:
            for _ in range(senders):
                processes.append(
                    await asyncio.create_subprocess_exec(
                        *command,
                        stdin=asyncio.subprocess.PIPE,
                        stdout=asyncio.subprocess.PIPE,
                        limit=_MOST_LINE_BYTES,
                        start_new_session=True,  # Ctrl-C is for the run, which then asks its senders to stop
                    )
                )
            fleet = cls(processes)
            for number in range(senders):
                part = Job(job.target, job.mix, job.source, job.plan.part(number, senders))
                await fleet._write(number, part.to_json())
            async with asyncio.timeout(_READY_SECONDS):
                await asyncio.gather(*(fleet._read(each) for each in processes))  # "ready"
            yield fleet
        except TimeoutError:
            raise Unavailable(f"the senders were not ready within {_READY_SECONDS:g} s") from None
        finally:
            for process in processes:
                if process.returncode is None:
                    process.kill()
            await asyncio.gather(*(process.wait() for process in processes))

    @property
    def pids(self) -> list[int]:
        """Of the senders."""
        return [process.pid for process in self._processes]

    async def send(self, start: float, hears: Hears) -> Ending:
        """Let everybody send, `start` being the clock's time that counts as 0, until all is told.

        Returns:
            How it ended.

        Raises:
            AisleError: a sender failed or ended without a word.
        """
        for number in range(len(self._processes)):
            await self._write(number, {"start": start})
        endings = await asyncio.gather(*(self._listen(process, hears) for process in self._processes))
        gave_up = next((each.gave_up for each in endings if each.gave_up), "")
        return Ending(gave_up, max(each.sent_until for each in endings))

    async def stop(self) -> None:
        """Ask everybody to send no more; `send` returns once what was sent is back."""
        for number in range(len(self._processes)):
            await self._write(number, "stop")

    async def _write(self, number: int, message: object) -> None:
        stdin = self._processes[number].stdin
        assert stdin is not None
        try:
            stdin.write(json.dumps(message).encode() + b"\n")
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended, which reading from it tells

    async def _listen(self, process: asyncio.subprocess.Process, hears: Hears) -> Ending:
        while "done" not in (line := await self._read(process)):
            hears(line["second"], line["kind"], line["tally"])
        return Ending(line["gave_up"], line["sent_until"])

    async def _read(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        assert process.stdout is not None
        line = await process.stdout.readline()
        if not line:
            raise Internal(f"a sender ended with status {await process.wait()} before it was done")
        fields: dict[str, Any] = json.loads(line)
        if "failed" in fields:
            raise _error(fields["reason"], fields["failed"])
        return fields


def _error(reason: str, message: str) -> AisleError:
    """Return the error that a sender told."""
    return Unavailable(message) if reason == Unavailable.reason else Internal(f"a sender: {message}")
