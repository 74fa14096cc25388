"""Shows an evaluation's report."""

from pathlib import Path

from services.cli.console import print_json, results
from services.evaluation.evaluate import REPORT_HTML
from services.evaluation.schema import Report
from services.evaluation.table import table


def show_report(report: Report, out: Path, *, as_json: bool) -> None:
    """Write the report to stdout: as JSON for programs, as the table of policies for people."""
    if as_json:
        print_json(report.model_dump(mode="json"))
        return
    console = results()
    console.print(table(report))
    console.print(f"the whole report: {out / REPORT_HTML}", markup=False, soft_wrap=True)
