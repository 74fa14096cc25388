"""Progress: what is seen while a run goes on."""

import io

from rich.console import Console

from services.loadtest.comparison import compare
from services.loadtest.display import Display, progress
from services.loadtest.measured import Measured
from services.loadtest.table import comparison_table, table
from services.loadtest.tally import Outcome
from tests.support.load import measured_of, reply, report_of

SECOND = [*[reply(20.0)] * 18, reply(400.0), reply(1.0, Outcome.ERROR)]


def test_progress_tells_the_last_seconds_and_the_whole() -> None:
    """Rate and latencies of the last five seconds, all outcomes, the time left."""
    known = measured_of([[reply(900.0)] * 20] * 3 + [SECOND] * 5)
    known.seconds = 20.0
    shown = dict(progress("sending", 8.0, known))
    assert shown["rate"] == "20/s"
    assert shown["p50"] == "20 ms"
    assert shown["p99"] == "400 ms"
    assert (shown["ok"], shown["error"], shown["left"]) == ("155", "5", "12 s")


def test_progress_before_anything_came_back() -> None:
    """The warm-up, and the first second."""
    assert ("", "warming up, 2 s") in progress("sending", -2.0, Measured.nothing())
    assert dict(progress("sending", 0.1, Measured.nothing()))["p50"] == "\N{EN DASH}"


def test_a_log_gets_lines() -> None:
    """No terminal: a line now and then, without colours."""
    console = Console(file=io.StringIO(), width=200)
    with Display(console) as display:
        for at in range(3):
            display.show("sending", float(at), measured_of([SECOND] * 3))
    assert console.file.getvalue().count("\n") == 1  # type: ignore[attr-defined]


def test_the_terminal_s_summary_says_whether_to_believe_it() -> None:
    """With the headline, the tail and the outcomes."""
    console = Console(file=io.StringIO(), width=200)
    seconds = [*[SECOND] * 4, [*SECOND, reply(rung="no_extras")]]
    console.print(table(report_of(seconds, slo="p50_ms=10", lag_seconds=0.1)))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for words in (
        "every answer came within 400 ms",
        "Not to be believed: ",
        "missed: latency p50 at most 10 ms, measured 20 ms",
        "UNAVAILABLE 5",
        "for 1.0\N{NARROW NO-BREAK SPACE}% of its answers it gave something up",
    ):
        assert words in shown


def test_the_comparison_says_what_is_real() -> None:
    """In words."""
    slow = [[reply(40.0)] * 20] * 30
    console = Console(file=io.StringIO(), width=200)
    console.print(comparison_table(compare(report_of([SECOND] * 30), report_of(slow)), ["another machine"]))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("latency p50", "40 ms", "+20 to +20 ms", "+5.00 points", "worse", "another machine"):
        assert words in shown
