"""A system that runs in the foreground of a terminal until it is told to end."""

import asyncio
import signal
from collections.abc import Sequence

from services.cli.console import messages, program
from services.cli.display import ProcessDisplay
from services.cli.supervising.system import SystemSettings, running_system
from services.common.security.settings import SecuritySettings


def reaching_options(gateway: SecuritySettings) -> Sequence[str]:
    """Return the options without which a gateway lets no command in; whose files these are, the caller knows."""
    options = list[str]()
    if gateway.has_tls:
        options += ["--tls-ca", "CA.pem"]
    if gateway.tls_client_ca is not None:
        options += ["--tls-certificate", "YOURS.pem", "--tls-key", "YOURS.key"]
    elif gateway.access_file is not None:
        options += ["--token-file", "TOKEN"]
    return options


async def serve(settings: SystemSettings, hints: Sequence[str] = ()) -> None:
    """Run a system until Ctrl-C or SIGTERM, which are the ordinary way to end it.

    Args:
        settings: how to run it.
        hints: commands of `aisle` to try, shown once it serves.

    Raises:
        AisleError: it can't start; the message says why.
    """
    console = messages()
    with ProcessDisplay(console) as display:
        async with running_system(settings, display.show) as system:
            what = f"snapshot {system.snapshot_id} of {settings.snapshot_root}"
            console.print(f"serving {what} on [bold]{system.gateway}[/]; Ctrl-C ends it", soft_wrap=True)
            reached = " ".join((program(), *reaching_options(system.gateway_settings)))
            for hint in (*hints, "status"):
                console.print(f"  {reached} {hint}", markup=False, soft_wrap=True)
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await stop.wait()
            console.print("draining")
