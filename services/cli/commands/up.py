"""`aisle up`: the whole system as processes of this machine."""

from typing import Annotated

import typer

from services.cli.commands.options import (
    DEFAULT_MODELS,
    DEFAULT_RUN_FOLDER,
    DEFAULT_SNAPSHOT_ROOT,
    Models,
    RunFolder,
    SnapshotRoot,
    Triton,
)


def up(
    *,
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    snapshot_id: Annotated[
        str, typer.Option(help="The snapshot to serve; by default the current one, now and later.", show_default=False)
    ] = "",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The gateway's port on loopback; 0 for any free one.")
    ] = 50051,
    triton: Triton = "",
    models: Models = DEFAULT_MODELS,
    shards_per_searcher: Annotated[
        int, typer.Option(min=0, help="Shards per searcher process at most; 0: small ones share, large ones don't.")
    ] = 0,
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
) -> None:
    """Start Triton, the searchers and the gateway, keep them running, and end them all on Ctrl-C.

    A process that dies is started again, with back-off. Logs are in the run folder, one file per process.

    Shards with files below 64 MiB share searchers, as many as there are cores, up to 16 in one, or more where memory is
    short. A fault of a searcher costs all of its categories until it has started again: --shards-per-searcher 1 is one
    for each.

    Examples:
      aisle up

      aisle up --snapshot-root s3://shop/aisle --port 50052 --shards-per-searcher 8
    """
    from services.cli.console import run
    from services.cli.foreground import serve
    from services.cli.supervising.system import SystemSettings

    settings = SystemSettings(
        snapshot_root=snapshot_root,
        snapshot_id=snapshot_id,
        gateway_port=port,
        triton=triton,
        model_repository=models,
        shards_per_searcher=shards_per_searcher,
        run_folder=run_folder,
    )
    run(serve(settings))
