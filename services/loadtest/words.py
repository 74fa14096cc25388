"""The words and number formats that the page and the terminal share. Pure."""

from services.evaluation.words import NONE, count, percent
from services.loadtest.comparison import Difference
from services.loadtest.schema import Report

OUTCOME_WORDS = {
    "ok": "full answers",
    "partial": "partial answers",
    "shed": "refused because of load",
    "error": "errors",
}

QUANTILE_WORDS = {
    "p50": "half of them",
    "p90": "9 in 10",
    "p95": "19 in 20",
    "p99": "99 in 100",
    "p999": "999 in 1,000",
}

STAGE_WORDS = {
    "decode": "decode the photo",
    "classify": "classify",
    "embed": "embed",
    "route": "choose aisles",
    "scatter": "search the shards",
    "merge": "merge",
    "total": "all of it",
}

FIGURE_WORDS = {
    "p50_ms": "latency p50, ms",
    "p90_ms": "latency p90, ms",
    "p95_ms": "latency p95, ms",
    "p99_ms": "latency p99, ms",
    "p999_ms": "latency p99.9, ms",
    "max_ms": "longest latency, ms",
    "goodput_share": "full answers in time, share",
    "partial_share": "partial answers, share",
    "shed_share": "refused, share",
    "error_share": "errors, share",
    "coverage": "coverage",
}
"""What an objective can bound."""


def headline(report: Report) -> str:
    """Say what the run found, in one sentence."""
    knee = report.knee
    if knee is not None:
        if knee.rate is None:
            return "No rate that was tried keeps the objective."
        after = "" if knee.overload_rate is None else f" {_recovery(knee.recovery_seconds)}"
        return f"It keeps the objective up to {number(knee.rate)} photos a second.{after}"
    if report.latency_ms is None:
        return f"None of {count(sum(report.outcomes.model_dump().values()))} photos was answered."
    slowest = report.latency_ms.p99 or report.latency_ms.max
    which = "99 in 100 answers" if report.latency_ms.p99 is not None else "every answer"
    return (
        f"At {number(report.achieved_rps)} photos a second, {which} came within {time(slowest)}, "
        f"and {percent(report.goodput_share)} of the photos were answered in full and in time."
    )


def verdict(difference: Difference) -> str:
    """Say whether a difference is real."""
    if not difference.is_real:
        return "may be chance"
    return "better" if difference.is_better else "worse"


def number(value: float | None) -> str:
    """Write a number with three digits that matter."""
    if value is None:
        return NONE
    if abs(value) >= 100:  # noqa: PLR2004 - three digits
        return count(value)
    return f"{value:.3g}"


def time(milliseconds: float | None) -> str:
    """Write a time with its unit."""
    if milliseconds is None:
        return NONE
    return f"{milliseconds / 1000:.3g} s" if milliseconds >= 1000 else f"{number(milliseconds)} ms"  # noqa: PLR2004 - a second


def _recovery(seconds: float | None) -> str:
    if seconds is None:
        return "After twice that for a while, it did not keep it again while that was watched."
    return f"After twice that for a while, it keeps it again {seconds:g} s later."
