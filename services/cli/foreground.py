"""A system that runs in the foreground of a terminal until it is told to end."""

import asyncio
import signal
from collections.abc import Sequence

from services.cli.console import messages, program
from services.cli.display import ProcessDisplay
from services.cli.system import SystemSettings, running_system


async def serve(settings: SystemSettings, hints: Sequence[str] = ()) -> None:
    """Run a system until Ctrl-C or SIGTERM, which are the ordinary way to end it.

    Args:
        settings: how to run it.
        hints: commands to try, shown once it serves.

    Raises:
        AisleError: it can't start; the message says why.
    """
    console = messages()
    with ProcessDisplay(console) as display:
        async with running_system(settings, display.show) as system:
            console.print(
                f"serving snapshot {system.snapshot_id} on [bold]{system.gateway}[/]; Ctrl-C ends it", soft_wrap=True
            )
            for hint in (*hints, f"{program()} status"):
                console.print(f"  {hint}", markup=False, soft_wrap=True)
            stop = asyncio.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
            await stop.wait()
            console.print("draining")
