"""The words and number formats that the page and the terminal share. Pure."""

from typing import NamedTuple

from services.client.types import Rung
from services.evaluation.words import NONE, count, percent, signed
from services.loadtest.comparison import Difference
from services.loadtest.schema import Report

_MINUS = "\N{MINUS SIGN}"

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

RUNG_WORDS = {
    "full": "nothing",
    "no_extras": "second waves, hedges, and second looks at short lists: it was busy",
    "fewer_shards": "besides, the shards beyond 80 % of the planned probability: it was busier",
    "coarse": "besides, half of the care with which indexes look: it was busier still",
    "no_classifier": "the choice of shards: no classifier answered, and every shard was searched",
}
"""What the gateway gave up for an answer, by its rung."""

MISSING_WORDS = {
    "late": "did not answer in time, or stood for too little to be waited for",
    "failed": "could not be reached, or answered with an error",
    "skipped": "was not asked: no time was left, or the gateway was too busy",
}
"""What became of a shard that a partial answer lacks, by its state."""


class _Figure(NamedTuple):
    """A figure's name for people, and its unit."""

    words: str
    unit: str


_MS, _SHARE, _RATE = " ms", " points", "/s"
_FIGURES = {
    "p50_ms": _Figure("latency p50", _MS),
    "p90_ms": _Figure("latency p90", _MS),
    "p95_ms": _Figure("latency p95", _MS),
    "p99_ms": _Figure("latency p99", _MS),
    "p999_ms": _Figure("latency p99.9", _MS),
    "max_ms": _Figure("longest latency", _MS),
    "goodput_rps": _Figure("full answers in time", _RATE),
    "goodput_share": _Figure("full answers in time", _SHARE),
    "partial_share": _Figure("partial answers", _SHARE),
    "degraded_share": _Figure("answers on a lower rung", _SHARE),
    "shed_share": _Figure("refused", _SHARE),
    "error_share": _Figure("errors", _SHARE),
    "coverage": _Figure("coverage", _SHARE),
    "recall_at_1": _Figure("recall@1", _SHARE),
    "server_cpu_ms_per_answer": _Figure("processor time for each answer", _MS),
}
"""What an objective can bound, and what of two runs is compared."""


_NOTICED = 0.02
"""Share by which rates must differ to look like two."""


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
        f"At {number(report.achieved_rps)} photos a second{_by_chance(report)}, {which} came within {time(slowest)}, "
        f"and {percent(report.goodput_share)} of the photos were answered in full and in time."
    )


def mean_rate(report: Report) -> float | None:
    """Return the rate asked for, where by chance so many more or fewer photos were due that a reader would wonder."""
    rate = _random_rate(report)
    return rate if rate is not None and abs(report.offered_rps - rate) > _NOTICED * rate else None


def degraded(report: Report) -> str:
    """Say what share of the answers the gateway gave something up for; empty when none."""
    answers = sum(report.rungs.values())
    share = 1 - report.rungs.get(Rung.FULL, 0) / answers if answers else 0.0
    return f"The gateway was degraded: for {percent(share)} of its answers it gave something up." if share else ""


def figure(name: str) -> str:
    """Name a figure for people."""
    return _FIGURES[name].words


def amount(name: str, value: float | None) -> str:
    """Write a figure's value with its unit; a share in percent."""
    if value is None:
        return NONE
    unit = _FIGURES[name].unit
    if unit == _SHARE:
        return percent(value, 2)
    return time(value) if unit == _MS else f"{number(value)}{unit}"


def interval(name: str, low: float, high: float) -> str:
    """Write the ends between which a figure's difference lies; of shares, in points of a hundred."""
    unit = _FIGURES[name].unit
    ends = (signed(100 * end, 2, "") if unit == _SHARE else _signed(end) for end in (low, high))
    return f"{' to '.join(ends)}{unit}"


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


def _signed(value: float) -> str:
    return f"{_MINUS if value < 0 else '+'}{number(abs(value))}"


def _random_rate(report: Report) -> float | None:
    """Return the mean that random arrivals were drawn around; None where they were to change, or to be even."""
    if report.knee is not None:
        return report.knee.rate or next((step.rate for step in reversed(report.knee.steps)), None)
    arrivals = report.scenario.get("arrivals", {})
    return arrivals["rate"] if arrivals.get("kind") == "poisson" else None


def _by_chance(report: Report) -> str:
    rate = mean_rate(report)
    if rate is None:
        return ""
    return f" ({number(rate)} on average, and {'more' if report.offered_rps > rate else 'fewer'} by chance)"


def _recovery(seconds: float | None) -> str:
    if seconds is None:
        return "After twice that for a while, it did not keep it again while that was watched."
    return f"After twice that for a while, it keeps it again {seconds:g} s later."
