"""Latency against rate: the rates that kept the objective, those that missed it, and the knee between them. Pure."""

from dataclasses import dataclass

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.loadtest.charts.axes import LEFT, Axis, path, upwards
from services.loadtest.schema import Knee, KneeStep


@dataclass(frozen=True, slots=True)
class Try:
    """One rate that was tried."""

    x: float
    y: float
    step: KneeStep


@dataclass(frozen=True, slots=True)
class KneeChart:
    """The tries by rate, a line through them, and the place of the knee; None where there is none."""

    x: Axis
    y: Axis
    tries: tuple[Try, ...]
    line: str
    knee: float | None


def knee_chart(knee: Knee | None) -> KneeChart | None:
    """Return the p99 of each rate that was tried; None without one that was answered."""
    told = sorted((step for step in knee.steps if step.p99_ms is not None), key=lambda step: step.rate) if knee else []
    if not told or knee is None:
        return None
    latencies = [step.p99_ms or 0.0 for step in told]
    x = Axis(0.0, told[-1].rate * 1.05, LEFT, WIDTH - MARGIN)
    y = upwards(max(min(latencies) * 0.7, 0.01), max(latencies) * 1.4, logarithmic=True)
    tries = tuple(Try(x(step.rate), y(latency), step) for step, latency in zip(told, latencies, strict=True))
    line = path([(each.x, each.y) for each in tries])
    return KneeChart(x, y, tries, line, None if knee.rate is None else x(knee.rate))
