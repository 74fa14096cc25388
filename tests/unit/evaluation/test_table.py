"""The table fits a terminal and tells the same as the report."""

from rich.console import Console

from services.client.types import Policy
from services.evaluation.report import make_report
from services.evaluation.schema import Report
from services.evaluation.table import table
from tests.support.shoppers import GALLERY, SETTING, catalog, query, random_report, seen


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
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip()}
    adaptive = report.policies["adaptive"]
    assert adaptive.recall_at_1 is not None
    assert f"{adaptive.recall_at_1 * 100:.1f}" in rows["Adaptive"]
    assert f"+{report.gain['adaptive'].mean:.1f}" in rows["Adaptive"]


def test_errors_and_partial_answers_are_told() -> None:
    """They are not lost beneath the figures."""
    observations = [seen(0, Policy.TOP_1, outcome="partial"), seen(1, Policy.TOP_1, outcome="error", error="X")]
    report = make_report([query(0), query(1)], observations, catalog(), GALLERY, SETTING)
    assert "1 partial answers, 1 errors." in _printed(report)


def test_a_name_is_no_markup() -> None:
    """A dataset called [red] is called that."""
    report = random_report().model_copy(update={"dataset": "[red]shop[/red]"})
    assert "[red]shop[/red]" in _printed(report)
