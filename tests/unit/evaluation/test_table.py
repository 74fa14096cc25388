"""The table fits a terminal and tells the same as the report."""

from rich.console import Console

from services.client.types import Policy
from services.evaluation.schema import Report
from services.evaluation.table import table
from tests.support.shoppers import query, random_report, report_of, seen


def _printed(report: Report) -> str:
    console = Console(width=80, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(table(report))
        return console.export_text()


def test_every_figure_fits_into_80_columns() -> None:
    """Nothing is cut short: no ellipsis, and each policy's recall stands in its row."""
    report = random_report()
    text = _printed(report)
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    figures, losses = text.split("Where the first place goes")
    rows = {line.split()[0]: line for line in figures.splitlines() if line.strip()}
    adaptive = report.policies["adaptive"]
    assert adaptive.recall_at_1 is not None
    assert f"{adaptive.recall_at_1 * 100:.1f}" in rows["Adaptive"]
    assert f"+{report.gain['adaptive'].mean:.1f}" in rows["Adaptive"]
    assert report.oracle is not None
    assert "100.0" in rows["Perfect"]
    [lost] = [line for line in losses.splitlines() if line.strip().startswith("Adaptive")]
    assert f"{report.policies['adaptive'].losses[0].ranked_below * 100:.1f}" in lost


def test_errors_and_partial_answers_are_told() -> None:
    """They are not lost beneath the figures."""
    observations = [seen(0, Policy.TOP_1, outcome="partial"), seen(1, Policy.TOP_1, outcome="error", error="X")]
    report = report_of([query(0), query(1)], observations)
    assert "found nothing: 1." in _printed(report)
    assert "shard did not answer: 1." in _printed(report)


def test_a_name_is_no_markup() -> None:
    """A dataset called [red] is called that."""
    report = random_report().model_copy(update={"dataset": "[red]shop[/red]"})
    assert "[red]shop[/red]" in _printed(report)
