"""The processes of a system on a terminal: a live table, or a line per change where there is no terminal."""

from types import TracebackType
from typing import Self

from rich.box import SIMPLE
from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.cli.supervising.processes import ProcessStatus, State

_STYLES = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.SERVING: "green",
    State.RESTARTING: "red",
    State.STOPPED: "dim",
}


class ProcessDisplay:
    """Shows every change of a process's state; give `show` to the supervisor."""

    def __init__(self, console: Console) -> None:
        """Make the display; `with` starts and ends it.

        Args:
            console: where to show it.
        """
        self._console = console
        self._statuses: dict[str, ProcessStatus] = {}
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the table as it is; what changes from now on comes as lines."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def show(self, status: ProcessStatus) -> None:
        """Show a change."""
        self._statuses[status.name] = status
        if self._live is not None:
            self._live.update(process_table(tuple(self._statuses.values())), refresh=True)
        elif status.state not in (State.WAITING, State.STOPPED):
            what = f"{status.name}: {status.state} on {status.address}"
            self._console.print(f"{what}; {status.detail}" if status.detail else what, markup=False, soft_wrap=True)


def process_table(statuses: tuple[ProcessStatus, ...]) -> Table:
    """Return the processes as a table."""
    table = Table(box=SIMPLE, header_style="dim")
    for heading in ("process", "state", "address"):
        table.add_column(heading, no_wrap=True)
    table.add_column("pid", justify="right")
    table.add_column("restarts", justify="right")
    table.add_column("")
    for status in statuses:
        state = f"[{_STYLES[status.state]}]{status.state}[/]"
        pid = "" if status.pid is None else str(status.pid)
        table.add_row(status.name, state, status.address, pid, str(status.restarts), status.detail)
    return table
