"""A load test on a terminal while it runs: rates, latencies of the last seconds, outcomes, time left."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from services.evaluation.words import NONE
from services.loadtest.measured import Measured
from services.loadtest.tally import Outcome, Tally, merged
from services.loadtest.words import time as time_words

RECENT_SECONDS = 5
"""That the latencies are of."""

_LINE_EVERY_SECONDS = 10.0


class Display:
    """Shows a live line on a terminal, and a plain line now and then where there is none, a log say."""

    def __init__(self, console: Console) -> None:
        """Make the display; `with` starts and ends it.

        Args:
            console: where to show it.
        """
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._said = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def show(self, what: str, at: float, known: Measured) -> None:
        """Show where a measurement stands.

        Args:
            what: is being done.
            at: seconds since its start; negative in the warm-up.
            known: what came back so far.
        """
        if self._live is not None:
            cells = progress(what, at, known)
            grid = Table.grid(padding=(0, 2))
            grid.add_row(*(f"[dim]{name}[/] {value}" if name else f"[bold]{value}[/]" for name, value in cells))
            self._live.update(grid, refresh=True)
        elif time.monotonic() - self._said >= _LINE_EVERY_SECONDS:
            self._said = time.monotonic()
            self._console.print(line(what, at, known), markup=False)


def progress(what: str, at: float, known: Measured) -> list[tuple[str, str]]:
    """Return what is to be shown, as names and values."""
    if at < 0:
        return [("", what), ("", f"warming up, {-at:.0f} s")]
    # The latest seconds lack the photos that are still out: what is shown is of those that are complete.
    seconds = [second for second, _ in known.tallies]
    latest = max(seconds, default=0)
    recent = merged(known.tally(second) for second in {each for each in seconds if each > latest - RECENT_SECONDS})
    totals = known.outcomes()
    left = known.seconds - at
    return [
        ("", what),
        ("rate", f"{_rate(recent, known, latest):.4g}/s"),
        *_latency(recent),
        *((outcome.value, f"{totals[outcome]:,}") for outcome in Outcome if totals[outcome] or outcome is Outcome.OK),
        ("left", f"{left:.0f} s") if left > 0 else ("", "waiting for the last answers"),
    ]


def line(what: str, at: float, known: Measured) -> str:
    """Return the same in one line."""
    return ", ".join(f"{name} {value}".strip() for name, value in progress(what, at, known))


def _rate(recent: Tally, known: Measured, latest: int) -> float:
    return recent.photos / max(1, min(RECENT_SECONDS, latest + 1)) if known.tallies else 0.0


def _latency(recent: Tally) -> list[tuple[str, str]]:
    times = recent.latency
    return [
        (name, time_words(times.quantile_ms(q)) if times.count else NONE) for name, q in (("p50", 0.5), ("p99", 0.99))
    ]
