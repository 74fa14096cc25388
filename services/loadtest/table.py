"""The report and the comparison for a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.evaluation.words import count, percent
from services.loadtest.comparison import Difference
from services.loadtest.schema import Report
from services.loadtest.words import OUTCOME_WORDS, amount, degraded, figure, headline, interval, time, verdict


def table(report: Report) -> RenderableType:
    """Return what the run found, whether it can be believed, and what became of the photos."""
    parts: list[RenderableType] = [Text(headline(report), style="bold")]
    if not report.valid:
        parts.append(Text(f"Not to be believed: {report.invalid_reason}.", style="bold red"))
    if words := degraded(report):
        parts.append(Text(words, style="yellow"))
    if report.latency_ms is not None:
        latency = report.latency_ms
        quantiles = {"p50": latency.p50, "p90": latency.p90, "p95": latency.p95, "p99": latency.p99}
        further = {"p99.9": latency.p999, "longest": latency.max}
        parts.append(_row({name: time(value) for name, value in (quantiles | further).items()}))
    photos = sum(report.outcomes.model_dump().values())
    parts.append(_row({words: f"{count(getattr(report.outcomes, key))}" for key, words in OUTCOME_WORDS.items()}))
    if report.recall_at_1 is not None:
        parts.append(Text(f"recall@1 {percent(report.recall_at_1)} over {count(report.recall_queries)} answers"))
    for bound in report.slo:
        style, words = ("green", "kept") if bound.kept else ("red", "missed")
        way = "at least" if bound.at_least else "at most"
        limit, value = amount(bound.name, bound.limit), amount(bound.name, bound.value)
        parts.append(Text(f"{words}: {figure(bound.name)} {way} {limit}, measured {value}", style=style))
    reasons = ", ".join(f"{reason} {count(number_)}" for reason, number_ in report.error_reasons.items())
    if reasons:
        parts.append(Text(f"of {count(photos)} photos without an answer: {reasons}", style="yellow"))
    return Group(*parts)


def comparison_table(differences: Sequence[Difference], remarks: Sequence[str]) -> RenderableType:
    """Return both values of each figure, the interval of their difference, and whether it is real."""
    grid = _grid()
    for heading in ("figure", "first", "second", "difference, 99 % sure", ""):
        grid.add_column(heading, justify="left" if heading in {"figure", ""} else "right", no_wrap=True)
    for each in differences:
        style = ("green" if each.is_better else "red") if each.is_real else "dim"
        values = amount(each.name, each.first), amount(each.name, each.second)
        difference = interval(each.name, each.low, each.high)
        grid.add_row(figure(each.name), *values, difference, Text(verdict(each), style=style))
    return Group(grid, *(Text(remark, style="yellow") for remark in remarks))


def _grid() -> Table:
    return Table(header_style="dim", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)


def _row(cells: dict[str, str]) -> Table:
    grid = _grid()
    for heading in cells:
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_row(*cells.values())
    return grid
