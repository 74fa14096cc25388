"""Latency against rate: the rates that kept the objective, those that missed it, and the knee between them. Pure."""

from dataclasses import dataclass
from typing import Final

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.loadtest.charts.axes import LEFT, Axis, path, upwards
from services.loadtest.schema import Knee, KneeStep

_WITHOUT: Final = "p99_ms"
"""What is drawn where the objective bounds no latency."""


@dataclass(frozen=True, slots=True)
class Try:
    """One rate that was tried, and its latency in milliseconds."""

    x: float
    y: float
    latency: float
    step: KneeStep


@dataclass(frozen=True, slots=True)
class KneeChart:
    """The tries by rate, and a line through them.

    Attributes:
        x, y: photos a second, and milliseconds.
        figure: the latency that is drawn: the first that the objective bounds.
        limit: the place of its bound; None where the objective bounds no latency.
        tries, line: in the order of their rates.
        knee: its place; None where there is none.
    """

    x: Axis
    y: Axis
    figure: str
    limit: float | None
    tries: tuple[Try, ...]
    line: str
    knee: float | None


def knee_chart(knee: Knee | None) -> KneeChart | None:
    """Return the latency that decides, by rate; None without a rate that was answered."""
    if knee is None:
        return None
    bounds = [bound for step in knee.steps for bound in step.slo if bound.name.endswith("_ms")]
    figure, limit = (bounds[0].name, bounds[0].limit) if bounds else (_WITHOUT, None)
    told = sorted(
        ((step, value) for step in knee.steps if (value := _value(step, figure)) is not None),
        key=lambda each: each[0].rate,
    )
    if not told:
        return None
    shown = [value for _, value in told] + ([] if limit is None else [limit])
    x = Axis(0.0, told[-1][0].rate * 1.05, LEFT, WIDTH - MARGIN)
    y = upwards(max(min(shown) * 0.7, 0.01), max(shown) * 1.4, logarithmic=True)
    tries = tuple(Try(x(step.rate), y(value), value, step) for step, value in told)
    return KneeChart(
        x=x,
        y=y,
        figure=figure,
        limit=None if limit is None else y(limit),
        tries=tries,
        line=path([(each.x, each.y) for each in tries]),
        knee=None if knee.rate is None else x(knee.rate),
    )


def _value(step: KneeStep, figure: str) -> float | None:
    """Return a latency of a step; None where nothing was answered."""
    return next(
        (bound.value for bound in step.slo if bound.name == figure), step.p99_ms if figure == _WITHOUT else None
    )
