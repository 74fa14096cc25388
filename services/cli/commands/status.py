"""`aisle status`: what runs, whether it serves, and what can be searched."""

from typing import TYPE_CHECKING

import typer

from services.cli.commands.options import DEFAULT_RUN_FOLDER, Json, RunFolder, Target

if TYPE_CHECKING:
    from services.cli.state import SystemState
    from services.client import Catalog, Health


def status(*, target: Target = "", run_folder: RunFolder = DEFAULT_RUN_FOLDER, as_json: Json = False) -> None:
    """Show the processes, their health and the catalogue. Exit status 3 when the gateway does not serve.

    Examples:
      aisle status

      aisle status --json | jq '.processes[] | select(.state != "serving")'
    """
    from dataclasses import asdict

    from services.cli.console import print_json
    from services.cli.exit_codes import ExitCode
    from services.cli.finding import gateway_address
    from services.cli.state import running_system_state
    from services.client import Health, SyncAisleClient

    gateway = gateway_address(target, run_folder)
    system = None if target else running_system_state(run_folder)
    with SyncAisleClient(gateway) as client:
        health = client.health()
        catalog = client.catalog() if health is Health.SERVING else None
    if as_json:
        told = {"processes": []} if system is None else system.model_dump(mode="json")
        print_json({**told, "gateway": gateway, "health": health, "catalog": asdict(catalog) if catalog else None})
    else:
        _show(gateway, health, system, catalog)
    raise typer.Exit(ExitCode.OK if health is Health.SERVING else ExitCode.UNAVAILABLE)


def _show(gateway: str, health: "Health", system: "SystemState | None", catalog: "Catalog | None") -> None:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    from services.cli.console import results
    from services.cli.display import process_table

    console = results()
    if system is not None:
        console.print(process_table(system.processes))
    console.print(f"gateway {gateway}: {health.replace('_', ' ')}")
    if catalog is None:
        return
    models = ", ".join(f"{model.name} {model.version}" for model in catalog.models)
    console.print(f"snapshot {catalog.snapshot_id} · {models} · baseline {'yes' if catalog.has_baseline else 'no'}")
    attributes = ", ".join(f"{name} ({kind})" for name, kind in catalog.attributes.items())
    console.print(f"attributes for --where: {attributes}", markup=False)
    table = Table(box=SIMPLE, header_style="dim")
    table.add_column("category")
    table.add_column("products", justify="right")
    table.add_column("images", justify="right")
    table.add_column("routable")
    for each in catalog.categories:
        table.add_row(Text(each.category), f"{each.products:,}", f"{each.images:,}", "yes" if each.routable else "no")
    console.print(table)
