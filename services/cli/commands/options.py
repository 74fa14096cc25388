"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Write JSON, one object per line, for programs.")]

RunFolder = Annotated[
    Path, typer.Option(help="Where the running system keeps its logs, shard map and state; one system per folder.")
]

SnapshotRoot = Annotated[str, typer.Option(help="Where snapshots are published: a folder or an fsspec URL.")]

Target = Annotated[
    str, typer.Option(help="The gateway's host:port; by default that of the running system.", show_default=False)
]

Triton = Annotated[
    str,
    typer.Option(help="host:port of a Triton that runs already; else one is started.", show_default=False),
]

Models = Annotated[
    Path, typer.Option("--models", help="The model repository for Triton, as `aisle fit` or `aisle join` writes it.")
]

WaitFor = Annotated[
    str,
    typer.Option(
        "--wait",
        metavar="GATEWAY",
        help="host:port of a gateway: wait until it answers from the new snapshot, and say how long that took.",
        show_default=False,
    ),
]

WaitSeconds = Annotated[float, typer.Option(min=0, help="How long --wait waits before it gives up.")]

WorkRoot = Annotated[
    Path | None,
    typer.Option(
        envvar="AISLE_INDEXER_WORK_ROOT",
        help="Where unfinished work and the writers' lock are when the snapshot root is remote: the same for everyone "
        "who writes there from this machine; by default ~/.cache/aisle/building.",
        show_default=False,
    ),
]

IndexFactory = Annotated[
    str | None,
    typer.Option(help="FAISS's factory string for every index; empty: chosen by size.", show_default=False),
]

IndexRecall = Annotated[
    float | None,
    typer.Option(min=0.01, max=1, help="Share of the ten best products that an index has to find.", show_default=False),
]

IndexMemory = Annotated[
    float | None,
    typer.Option(
        "--index-memory-mb",
        min=0.001,
        help="What one index may take beside the exact vectors, which are mapped from the disk.",
        show_default=False,
    ),
]

DEFAULT_WAIT_SECONDS = 60.0
DEFAULT_MODELS = Path("model_repository")
DEFAULT_RUN_FOLDER = Path("build/run")
DEFAULT_SNAPSHOT_ROOT = "build/snapshots"
DEFAULT_DATASETS = Path("build/datasets")
