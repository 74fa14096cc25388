"""Recall and mAP of every policy, side by side. Pure."""

from dataclasses import dataclass

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.evaluation.schema import Interval, PolicyReport, Report

_CHARTED_METRICS = {"recall_at_1": "Recall@1", "recall_at_5": "Recall@5", "recall_at_10": "Recall@10", "map": "mAP"}
_BARS_TOP, _BARS_BOTTOM = 26, 246


@dataclass(frozen=True)
class Bar:
    """One policy's figure; `whisker` is y of the interval's upper and lower end."""

    policy: str
    x: float
    y: float
    width: float
    height: float
    value: float
    whisker: tuple[float, float] | None


@dataclass(frozen=True)
class BarGroup:
    """One metric's bars."""

    name: str
    x: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class BarChart:
    """Metrics side by side; `grid` is y and value of each line."""

    height: float
    floor: float
    grid: tuple[tuple[float, float], ...]
    groups: tuple[BarGroup, ...]


def quality_chart(report: Report) -> BarChart | None:
    """Return recall and mAP of every policy; None when there are no product figures."""
    policies = {name: policy for name, policy in report.policies.items() if policy.intervals}
    if not policies:
        return None
    span = (WIDTH - 2 * MARGIN) / len(_CHARTED_METRICS)
    bar_width = min(30.0, (span - 28) / len(policies))
    groups = []
    for number, (metric, name) in enumerate(_CHARTED_METRICS.items()):
        centre = MARGIN + span * (number + 0.5)
        left = centre - bar_width * len(policies) / 2
        bars = [
            _bar(policy, left + place * bar_width, bar_width, *_figure(figures, metric))
            for place, (policy, figures) in enumerate(policies.items())
        ]
        groups.append(BarGroup(name, centre, tuple(bars)))
    grid = tuple((_height_of(value), value) for value in (0.0, 0.25, 0.5, 0.75, 1.0))
    return BarChart(height=_BARS_BOTTOM + 30, floor=_BARS_BOTTOM, grid=grid, groups=tuple(groups))


def _figure(figures: PolicyReport, metric: str) -> tuple[float, Interval | None]:
    return getattr(figures, metric), getattr(figures.intervals, metric)


def _bar(policy: str, x: float, width: float, value: float, interval: Interval | None) -> Bar:
    y = _height_of(value)
    whisker = (_height_of(interval[1]), _height_of(interval[0])) if interval else None
    return Bar(policy, x + 1.5, y, width - 3, _BARS_BOTTOM - y, value, whisker)


def _height_of(value: float) -> float:
    return _BARS_BOTTOM - value * (_BARS_BOTTOM - _BARS_TOP)
