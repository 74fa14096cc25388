"""One child process: started with a log file, ended with all of its own children."""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Self

from services.cli.grpc_lines import environment_of_children
from services.cli.supervising.processes import ProcessSpec, failure_to_start, last_words, says_serving

_TAIL_BYTES = 64_000


class Child:
    """A running process in a session of its own: Ctrl-C in a terminal reaches the supervisor only, which then drains.

    The kernel ends it when the thread that started it dies (`tied_to_parent`), so start children in the main thread.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path, log_start: int) -> None:
        """Adopt a process; use `start`."""
        self._process = process
        self._log = log
        self._log_start = log_start

    @classmethod
    async def start(cls, spec: ProcessSpec, log: Path) -> Self:
        """Start a process; its output is appended to `log`.

        Raises:
            OSError: the program can't be run.
        """
        with log.open("ab") as output:
            log_start = output.tell()
            process = await asyncio.create_subprocess_exec(
                *spec.argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment_of_children(),
                start_new_session=True,
            )
        return cls(process, log, log_start)

    @property
    def pid(self) -> int:
        """Its process id, which is its process group's too."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._process.returncode

    async def wait(self) -> int:
        """Wait until it has ended, end what it left behind, and return how it ended."""
        status = await self._process.wait()
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # its own children, when it did not get to end them
        return status

    async def stop(self, grace_seconds: float) -> None:
        """Ask it to end; after `grace_seconds` kill it, and with it its own children. Safe to repeat."""
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self.wait()

    def says_serving(self) -> bool:
        """Return whether this run has logged that it serves."""
        return says_serving(self._log_lines())

    def why_it_ended(self) -> str:
        """Return what the log of this run says about its end."""
        return last_words(self._log_lines())

    def reason_it_ended(self) -> str:
        """Return the reason of the failure that this run has logged; empty when it logged none."""
        return failure_to_start(self._log_lines())[0]

    def _log_lines(self) -> list[str]:
        """Return the last lines of this run; none when somebody has removed the log, which must not end the system."""
        try:
            with self._log.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_start, end - _TAIL_BYTES))
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return []
        return [line for line in lines if line.strip()]
