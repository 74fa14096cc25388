"""Runs the indexer, which is a process of its own here as it is in a cluster."""

import asyncio
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.cli.exit_codes import ExitCode
from services.cli.supervising.state import running_system_state
from services.cli.supervising.system import TritonAloneSettings, running_triton
from services.common.errors import AisleError, FailedPrecondition, Internal, InvalidArgument, Overtaken, Unavailable
from services.models.child_processes import tied_to_parent


@dataclass(frozen=True, slots=True)
class IndexJob:
    """What to index.

    Attributes:
        catalogue: CSV or Parquet file.
        image_root: folder that its picture paths are relative to.
        snapshot_root: where to publish.
        name: the dataset's, for people; empty for the file's.
        photos: CSV file of held-out photos to fit scores to, or None.
        photos_root: folder that its paths are relative to; the image root when None.
        options: further command-line arguments of the indexer.
    """

    catalogue: Path
    image_root: Path
    snapshot_root: str
    name: str = ""
    photos: Path | None = None
    photos_root: Path | None = None
    options: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Publication:
    """What the indexer says at its end.

    Attributes:
        snapshot_id: the current snapshot.
        published_at: when it had become that, in seconds since 1970; None when there was nothing to do.
    """

    snapshot_id: str
    published_at: float | None


async def run_indexer(job: IndexJob, triton: str) -> Publication:
    """Build and publish a snapshot; the indexer shows its progress and its errors on our terminal.

    Args:
        job: what to index.
        triton: Triton's `host:port`.

    Raises:
        InvalidArgument: the indexer has said what to mend in the catalogue or the options.
        Unavailable: Triton went away; the indexer has said so.
        FailedPrecondition: the indexer failed otherwise, and has said why, or was ended.
    """
    process = await asyncio.create_subprocess_exec(
        *tied_to_parent(command(job, triton)), stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:  # we were cancelled; what it has embedded so far is kept
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    if process.returncode:
        raise failure(process.returncode)
    return publication(said)


async def run_indexer_somewhere(job: IndexJob, triton: str, models: Path, run_folder: Path) -> Publication:
    """Run the indexer with the Triton that was named, else with that of the running system, else with one of its own.

    Args:
        job: what to index.
        triton: Triton's `host:port`; empty to find or start one.
        models: the model repository for a Triton of its own.
        run_folder: the running system's, and where a Triton of its own keeps its log.

    Raises:
        AisleError: as `run_indexer`, or Triton can't be started.
    """
    system = running_system_state(run_folder)
    target = triton or (system.triton if system is not None else "")
    if target:
        return await run_indexer(job, target)
    async with running_triton(TritonAloneSettings(run_folder=run_folder / "index", model_repository=models)) as started:
        return await run_indexer(job, started)


def command(job: IndexJob, triton: str) -> tuple[str, ...]:
    """Return the indexer's command line."""
    return (
        *(sys.executable, "-m", "services.indexer"),
        *("--catalogue", str(job.catalogue), "--image-root", str(job.image_root)),
        *("--snapshot-root", job.snapshot_root, "--dataset", job.name, "--triton", triton),
        *(("--photos", str(job.photos)) if job.photos is not None else ()),
        *(("--photos-root", str(job.photos_root)) if job.photos_root is not None else ()),
        *("--log-level", "warning", *job.options),
    )


def given(**options: object) -> tuple[str, ...]:
    """Return options of the indexer as words of its command line, without those that are None."""
    pairs = ((f"--{name.replace('_', '-')}", str(value)) for name, value in options.items() if value is not None)
    return tuple(word for pair in pairs for word in pair)


def publication(said: bytes) -> Publication:
    """Return what the last line on the indexer's stdout tells.

    Raises:
        Internal: it is not the object that the indexer promises.
    """
    try:
        told = json.loads(said.splitlines()[-1])
        return Publication(told["snapshot_id"], told["published_at"])
    except (IndexError, ValueError, TypeError, KeyError):
        raise Internal(f"the indexer ended well, but its last line does not say what it published: {said!r}") from None


def failure(status: int) -> AisleError:
    """Return the error for the indexer's exit status, negative for a signal; what to mend it has said itself."""
    nothing = "no snapshot was published"
    goes_on = f"{nothing}; the same command goes on where this one stopped"
    match status:
        case ExitCode.UNUSABLE_INPUT:
            return InvalidArgument(f"{nothing}: the line above says what to mend")
        case ExitCode.UNAVAILABLE:
            return Unavailable(goes_on)
        case ExitCode.OVERTAKEN:
            return Overtaken(f"{nothing}: the line above says what was meanwhile")
        case _ if status < 0 or status == ExitCode.INTERRUPTED:
            return FailedPrecondition(goes_on)
        case _:
            return FailedPrecondition(f"{nothing}: the line above says why")
