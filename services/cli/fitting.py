"""Runs a fit with its progress on the terminal, and shows what came of it."""

from rich.markup import escape
from rich.table import Table

from services.cli.console import messages, print_json, program, results
from services.cli.progress import steps
from services.training.fit_cards import quality
from services.training.fitted import EpochReport
from services.training.fitting import FitJob, fit
from services.training.record import FitRecord


def run_fit(job: FitJob) -> FitRecord:
    """Fit; stages show as bars where there is a terminal, and every epoch as a line."""
    with steps() as progress:

        def report(epoch: EpochReport) -> None:
            progress("fitting", epoch.epoch, epoch.epochs)
            messages().print(epoch_line(epoch), markup=False, soft_wrap=True)

        return fit(job, progress, report)


def epoch_line(epoch: EpochReport) -> str:
    """Return an epoch in a line."""
    recall = "" if epoch.recall_at_1 is None else f", recall@1 {epoch.recall_at_1:.3f}"
    best = ", best so far" if epoch.is_best else ""
    return f"{epoch.epoch} of {epoch.epochs}: loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.3f}{recall}{best}"


def show_fit(record: FitRecord, job: FitJob, *, as_json: bool) -> None:
    """Write the fit's figures and doubts to stdout: as JSON for programs, as a table for people."""
    if as_json:
        print_json(record.model_dump(mode="json"))
        return
    console = results()
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, value in _rows(record):
        table.add_row(name, escape(value))
    console.print(table)
    for warning in record.warnings:
        console.print(f"[yellow]note[/] {escape(warning)}", soft_wrap=True)
    made = f"{job.out}: {record.classifier.version} and {record.embedder.version}, in {record.seconds:,.0f} s"
    following = f"{program()} index {job.dataset_folder} --models {job.out}"
    console.print(f"{made}; next: {following}", markup=False, soft_wrap=True)


def _rows(record: FitRecord) -> list[tuple[str, str]]:
    rows = [*quality(record), ("embedder", f"{record.embedder.version}: {record.embedder.why}")]
    costs = (("classifier", record.classifier.quantised), ("embedder", record.embedder.quantised))
    for name, cost in costs:
        if cost is not None and cost.float32 is not None and cost.int8 is not None:
            rows.append((f"{name} in int8", f"{cost.figure} {cost.int8:.3f}, in float32 {cost.float32:.3f}"))
    return rows
