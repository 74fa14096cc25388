"""Tests a gateway under load, with its progress on the terminal; Ctrl-C ends the sending, not the report."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from services.cli.console import messages, print_json, results
from services.cli.exit_codes import ExitCode
from services.cli.stopping import signals_set
from services.cli.supervising.state import running_system_state
from services.loadtest.config import LoadtestSettings
from services.loadtest.display import Display
from services.loadtest.run import REPORT_HTML, prepare, write_report
from services.loadtest.schema import Report
from services.loadtest.table import table


async def load_test(settings: LoadtestSettings, command: str, *, as_json: bool = False) -> ExitCode:
    """Test, write and show the report, and return what the exit status says of it.

    Args:
        settings: how to test.
        command: what was typed, for the report.
        as_json: whether stdout gets the report as JSON instead of a table.

    Raises:
        AisleError: the test can't be made; the message says why.
    """
    stop = asyncio.Event()
    test = await prepare(settings, command, stop)
    with signals_set(stop):  # until the report is written
        with Display(messages()) as display:
            report = await test.carry_out(display.show)
        write_report(report, settings.out)
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        console = results()
        console.print(table(report))
        console.print(f"the whole report: {settings.out / REPORT_HTML}", markup=False, soft_wrap=True)
    return conclusion(report)


def conclusion(report: Report) -> ExitCode:
    """Return what a program must know of a report: an interrupted run or one that can't be believed proves nothing."""
    if report.interrupted:
        return ExitCode.INTERRUPTED
    if not report.valid:
        return ExitCode.INVALID
    return ExitCode.MISSED if report.slo_kept is False else ExitCode.OK


def server_pids(run_folder: Path) -> Mapping[str, int]:
    """Return the processes of the system that runs from this folder, by name; nothing when there is none."""
    state = running_system_state(run_folder)
    return {} if state is None else {each.name: each.pid for each in state.processes if each.pid is not None}
