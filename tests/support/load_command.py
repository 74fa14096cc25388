"""The command `aisle loadtest`, or the module for containers, as a process of its own beside a test."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.cli.exit_codes import ExitCode
from services.loadtest.schema import Report
from tests.support.stub_gateway import RunningStub

JUDGED = {ExitCode.OK, ExitCode.INVALID}
"""A machine that is busy with other things makes a run invalid, and rightly so."""


@dataclass
class Command:
    """A load test that runs.

    Attributes:
        process: it.
        out: where its report will be.
    """

    process: asyncio.subprocess.Process
    out: Path

    async def ended(self) -> tuple[int, str]:
        """Return its exit status, and what it wrote to stderr."""
        _, errors = await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode, errors.decode()

    def report(self) -> Report:
        """Return its report."""
        return Report.model_validate_json((self.out / "report.json").read_text())

    async def senders(self) -> list[int]:
        """Return the process ids of its senders, once they are there."""
        while True:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            if children:
                return [int(child) for child in children]
            await asyncio.sleep(0.02)

    async def sending(self) -> None:
        """Return once it sends: its first line of progress says so."""
        assert self.process.stderr is not None
        assert await self.process.stderr.readline()


@asynccontextmanager
async def command(target: str, out: Path, *options: object, module: str = "services.cli") -> AsyncIterator[Command]:
    """Start a load test with these options; whatever of it still runs is killed."""
    words = ["loadtest"] if module == "services.cli" else []
    words += ["--target", target, "--out", str(out), *map(str, options)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *words,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Command(process, out)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def outcome_of(
    stub: RunningStub, out: Path, *options: object, module: str = "services.cli"
) -> tuple[int, Report]:
    """Run a load test to its end, and return its exit status and report."""
    async with command(stub.target, out, *options, module=module) as running:
        status, errors = await running.ended()
        assert "Traceback" not in errors, errors
        return status, running.report()


def scenario(path: Path, **fields: Any) -> Path:
    """Write a scenario with small made-up photos; JSON is YAML."""
    quick = {"photos": {"synthetic_kb": 2}, "warm_up_seconds": 0.5, "mix": [{"deadline_ms": 10_000}]}
    path.write_text(json.dumps({**quick, **fields}))
    return path
