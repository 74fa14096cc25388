"""`aisle evaluate`: the one index against the cascade, on labelled photos."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import (
    DEFAULT_MODELS,
    DEFAULT_RUN_FOLDER,
    DEFAULT_SNAPSHOT_ROOT,
    Json,
    Models,
    RunFolder,
    SnapshotRoot,
    Target,
)
from services.client.types import Policy

if TYPE_CHECKING:
    from services.cli.evaluating import EvaluationJob
    from services.cli.supervising.system import SystemSettings
    from services.evaluation.schema import Report

_OUT = Path("build/evaluate")


def evaluate(
    dataset_folder: Annotated[Path, typer.Argument(help="A dataset folder with labelled photos.")],
    *,
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")] = _OUT,
    policy: Annotated[
        list[Policy] | None, typer.Option(help="A policy to compare; repeat for more.", show_default="all")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Photos to take at most, drawn by lot.", show_default="all")
    ] = None,
    in_flight: Annotated[
        int, typer.Option(min=1, help="Photos in flight; above 1, latencies are no longer those of an idle system.")
    ] = 1,
    curve: Annotated[
        int,
        typer.Option(
            min=0, metavar="PHOTOS", help="Photos for the curve of accuracy against shards searched; 0 leaves it out."
        ),
    ] = 200,
    target: Target = "",
    snapshot_root: SnapshotRoot = DEFAULT_SNAPSHOT_ROOT,
    models: Models = DEFAULT_MODELS,
    shards_per_searcher: Annotated[
        int, typer.Option(min=0, help="Shards per searcher process of a system started here; 0: as `aisle up`.")
    ] = 0,
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
    as_json: Json = False,
) -> None:
    """Search labelled photos under every policy; report what each gains over one index, and where photos are lost.

    Asks the gateway of --target or of the running system; when there is none, a system is started on the current
    snapshot for as long as it takes.

    Examples:
      aisle index build/datasets/grocery && aisle evaluate build/datasets/grocery

      aisle evaluate build/datasets/grocery --limit 200 --policy baseline --policy top_1 --curve 0
    """
    from services.cli.console import run
    from services.cli.evaluating import EvaluationJob
    from services.cli.finding import gateway_address, running_gateway
    from services.cli.reporting import show_report
    from services.cli.supervising.system import SystemSettings
    from services.evaluation.evaluate import EvaluationOptions, check_dataset
    from services.evaluation.observation import POLICIES

    command = " ".join(("aisle", *sys.argv[1:]))
    options = EvaluationOptions(policy or POLICIES, limit, in_flight, curve_photos=curve)
    job = EvaluationJob(dataset_folder, out, command, options)
    system = SystemSettings(
        snapshot_root=snapshot_root,
        run_folder=out / "run",
        gateway_port=0,
        model_repository=models,
        shards_per_searcher=shards_per_searcher,
    )
    check_dataset(dataset_folder)
    gateway = gateway_address(target, run_folder) if target else running_gateway(run_folder)
    report = run(_evaluate(job, gateway, system))
    show_report(report, out, as_json=as_json)


async def _evaluate(job: "EvaluationJob", gateway: str, settings: "SystemSettings") -> "Report":
    from services.cli.console import messages
    from services.cli.display import ProcessDisplay
    from services.cli.evaluating import evaluate_gateway
    from services.cli.supervising.system import running_system

    if gateway:
        return await evaluate_gateway(job, gateway)
    with ProcessDisplay(messages()) as display:
        async with running_system(settings, display.show) as system:
            display.close()
            return await evaluate_gateway(job, system.gateway)
