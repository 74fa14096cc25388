"""Runs the indexer, which is a process of its own here as it is in a cluster."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from services.common.errors import FailedPrecondition
from services.models.child_processes import tied_to_parent


@dataclass(frozen=True, slots=True)
class IndexJob:
    """What to index.

    Attributes:
        catalogue: CSV or Parquet file.
        image_root: folder that its picture paths are relative to.
        snapshot_root: where to publish.
        name: the dataset's, for people; empty for the file's.
        options: further command-line arguments of the indexer.
    """

    catalogue: Path
    image_root: Path
    snapshot_root: str
    name: str = ""
    options: Sequence[str] = ()


async def run_indexer(job: IndexJob, triton: str) -> None:
    """Build and publish a snapshot; the indexer shows its progress and its errors on our terminal.

    Args:
        job: what to index.
        triton: Triton's `host:port`.

    Raises:
        FailedPrecondition: the indexer failed, and has said why.
    """
    argv = (
        *(sys.executable, "-m", "services.indexer"),
        *("--catalogue", str(job.catalogue), "--image-root", str(job.image_root)),
        *("--snapshot-root", job.snapshot_root, "--dataset", job.name, "--triton", triton),
        *("--log-level", "warning", *job.options),
    )
    process = await asyncio.create_subprocess_exec(*tied_to_parent(argv))
    try:
        status = await process.wait()
    finally:
        if process.returncode is None:  # we were cancelled; what it has embedded so far is kept
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    if status:
        raise FailedPrecondition("no snapshot was published; the same command goes on where this one stopped")
