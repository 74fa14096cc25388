"""`aisle status`: what runs, whether it serves, what it sees behind it, and what can be searched."""

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.commands.options import DEFAULT_RUN_FOLDER, Json, RunFolder, Target

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.cli.looking import Look


def status(
    *,
    target: Target = "",
    run_folder: RunFolder = DEFAULT_RUN_FOLDER,
    watch: Annotated[bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")] = False,
    every_seconds: Annotated[float, typer.Option(min=0.1, help="How often --watch looks.")] = 2.0,
    as_json: Json = False,
) -> None:
    """Show a gateway: its models, shards and replicas, snapshots, rung and the last minute; and its processes, if here.

    Exit status 3 when it does not serve, 1 when it does not let you look. Behind one address with several
    gateways, each look may be at another one.

    Examples:
      aisle status

      aisle status --target dns:///gateway.aisle.svc:50051 --watch

      aisle status --json | jq '.status.searchers[] | select(.state != "ready")'
    """
    from services.cli.console import print_json, results
    from services.cli.credentials import credentials
    from services.cli.finding import gateway_address
    from services.cli.looking import look
    from services.client import SyncAisleClient

    gateway = gateway_address(target, run_folder)
    with SyncAisleClient(gateway, credentials()) as client:

        def seen() -> "Look":
            return look(client, gateway, None if target else run_folder)

        if watch:
            _watch(seen, every_seconds, as_json=as_json)
        now = seen()
    if as_json:
        print_json(now.as_json)
    else:
        results().print(now.for_people)
    raise typer.Exit(now.exit_status)


def _watch(seen: "Callable[[], Look]", every_seconds: float, *, as_json: bool) -> None:
    import time

    from rich.live import Live

    from services.cli.console import print_json, results

    if as_json:
        while True:
            print_json(seen().as_json)
            time.sleep(every_seconds)
    with Live(console=results(), auto_refresh=False, screen=results().is_terminal) as live:
        while True:
            live.update(seen().for_people, refresh=True)
            time.sleep(every_seconds)
