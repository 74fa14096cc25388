"""`aisle demo`: the whole way once, on real product pictures."""

from pathlib import Path
from typing import Annotated

import typer

from services.cli.commands.options import DEFAULT_RUN_FOLDER, Json

_FOLDER = Path("build/demo")


def demo(
    *,
    serve: Annotated[
        bool, typer.Option("--serve", help="Leave the system running instead of evaluating it, with hints what to try.")
    ] = False,
    folder: Annotated[Path, typer.Option(help="Folder for everything that the demo makes.")] = _FOLDER,
    products: Annotated[int, typer.Option(min=1, help="Gallery products.")] = 6000,
    queries: Annotated[int, typer.Option(min=1, help="Photos to search with.")] = 600,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="--serve: the gateway's port on loopback; 0 for any free one.")
    ] = 50051,
    as_json: Json = False,
) -> None:
    """Prepare Fashion-MNIST, index it, start everything, search photos under every policy, report, stop everything.

    What an earlier run has prepared is used again; --serve indexes only when the dataset or the models have changed.

    Examples:
      aisle demo

      aisle demo --serve
    """
    from services.cli.console import run
    from services.cli.demonstration import Demo
    from services.cli.foreground import serve as serve_in_foreground
    from services.cli.reporting import show_report
    from services.cli.supervising.system import SystemSettings, check_system

    if serve and as_json:
        raise typer.BadParameter("it is the report's form, and --serve makes no report", param_hint="--json")
    demonstration = Demo(folder, products=products, queries=queries)
    if not serve:
        demonstration.prepare_dataset()
        show_report(run(demonstration.evaluate("aisle demo")), folder, as_json=as_json)
        return
    settings = SystemSettings(
        run_folder=DEFAULT_RUN_FOLDER, snapshot_root=demonstration.snapshot_root, gateway_port=port
    )
    run(check_system(settings))  # before anything that runs already could notice
    demonstration.prepare_dataset()
    run(demonstration.index_what_changed())
    photo = demonstration.example_photo()
    hints = (f"search {photo}", f"explain {photo}", f"loadtest --dataset {demonstration.dataset}")
    run(serve_in_foreground(settings, hints))
