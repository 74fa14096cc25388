"""`aisle loadtest`: how the gateway does under load, and whether two runs differ."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import DEFAULT_RUN_FOLDER, Json, RunFolder, Target
from services.client.types import Criticality, Policy

loadtest = typer.Typer(invoke_without_command=True)


@loadtest.callback()
def load(
    context: typer.Context,
    *,
    target: Target = "",
    scenario: Annotated[
        Path | None, typer.Option(help="YAML file that says what is sent; else the options from --rate to --seed do.")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            help="Photos a second on average, as independent people come; --find-knee begins with it.",
            show_default="20",
        ),
    ] = None,
    seconds: Annotated[
        float | None,
        typer.Option(help="How long photos are sent; --find-knee: each rate, at least.", show_default="60, or 10"),
    ] = None,
    dataset: Annotated[
        Path | None, typer.Option(help="Send a dataset folder's labelled photos, and measure recall.")
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Send the photos of a folder.")] = None,
    synthetic_kb: Annotated[
        float | None, typer.Option(help="Send made-up JPEG photos of this many kilobytes.", show_default="30")
    ] = None,
    policy: Annotated[
        Policy | None, typer.Option(help="How the shards to search are chosen.", show_default="adaptive")
    ] = None,
    criticality: Annotated[
        Criticality | None, typer.Option(help="Who waits for the answers.", show_default="interactive")
    ] = None,
    deadline_ms: Annotated[float | None, typer.Option(help="The callers' deadline.", show_default="2000")] = None,
    top_k: Annotated[int | None, typer.Option(help="Products wanted of each photo.", show_default="10")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides everything random.", show_default="20")] = None,
    senders: Annotated[int, typer.Option(help="Processes that send; the report says when they are too few.")] = 1,
    slo: Annotated[
        str, typer.Option(help="The objective: p99_ms=250,error_share=0.001. Exit status 6 when it is missed.")
    ] = "",
    find_knee: Annotated[
        bool,
        typer.Option("--find-knee", help="Find the highest rate that keeps --slo, and the recovery from twice it."),
    ] = False,
    knee_precision: Annotated[float, typer.Option(help="How well the knee is to be known, as a share.")] = 0.05,
    server_pid: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=PID", help="A process of the server on this machine, to be measured too; repeat."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for report.json and report.html.")] = Path("build/loadtest"),
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
    as_json: Json = False,
) -> None:
    """Send photos at times decided beforehand, whatever becomes of those before, and report what callers saw.

    Without --target, the running system is tested, and its processes are measured too. docs/loadtest.md explains
    scenario files and how to read the report.

    Examples:
      aisle loadtest --dataset build/demo/dataset

      aisle loadtest --scenario evening.yaml --slo p99_ms=250,error_share=0.001

      aisle loadtest --find-knee --slo p99_ms=250,error_share=0.001,partial_share=0.01

      aisle loadtest compare build/before build/after
    """
    if context.invoked_subcommand is not None:
        return
    from services.cli.console import run
    from services.cli.credentials import credentials
    from services.cli.finding import gateway_address
    from services.cli.loadtesting import load_test, server_pids
    from services.common.misfits import checked
    from services.loadtest.config import LoadtestSettings

    of_running_system = {} if target else server_pids(run_folder)
    fields = {
        "target": gateway_address(target, run_folder),
        "scenario": scenario,
        "rate": rate,
        "seconds": seconds,
        "dataset": dataset,
        "folder": folder,
        "synthetic_kb": synthetic_kb,
        "policy": policy,
        "criticality": criticality,
        "deadline_ms": deadline_ms,
        "top_k": top_k,
        "seed": seed,
        "senders": senders,
        "slo": slo,
        "find_knee": find_knee,
        "knee_precision": knee_precision,
        **credentials().model_dump(),
        "out": out,
        "server_pids": {**of_running_system, **parse_pids(server_pid or [])},
    }
    command = shlex.join(("aisle", *sys.argv[1:]))
    raise typer.Exit(run(load_test(checked(LoadtestSettings, fields, "options"), command, as_json=as_json)))


@loadtest.command()
def compare(
    first: Annotated[Path, typer.Argument(help="A report.json, or the folder of one.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
    *,
    as_json: Json = False,
) -> None:
    """Say of each figure of two load tests whether the second differs from the first, or whether it may be chance.

    Example: aisle loadtest compare build/before build/after
    """
    from dataclasses import asdict

    from services.cli.console import print_json, results
    from services.loadtest.comparison import compare as compared
    from services.loadtest.comparison import remarks
    from services.loadtest.reading import read_report
    from services.loadtest.table import comparison_table

    reports = read_report(first), read_report(second)
    differences, remarked = compared(*reports), remarks(*reports)
    if as_json:
        told = [{**asdict(each), "is_real": each.is_real} for each in differences]
        print_json({"differences": told, "remarks": remarked})
    else:
        results().print(comparison_table(differences, remarked))


def parse_pids(words: list[str]) -> dict[str, int]:
    """Return process ids by name, of words `NAME=PID`.

    Raises:
        typer.BadParameter: another word.
    """
    pids = dict[str, int]()
    for word in words:
        name, _, number = word.partition("=")
        if not name or not number.isdigit():
            raise typer.BadParameter(f"{word!r} is not NAME=PID", param_hint="--server-pid")
        pids[name] = int(number)
    return pids
