"""Accuracy against shards searched: the price of safety. Pure."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.evaluation.charts.frame import WIDTH
from services.evaluation.schema import PriceOfSafety, PricePoint
from services.evaluation.words import percent

HEIGHT = 268.0
_TOP, _BOTTOM = 30.0, 226.0
_GAP, _AXIS_WIDTH = 20.0, 30.0
_MARGIN = 12.0  # so that dots at either end hide no figure
_METRICS = {"recall_at_1": "Recall@1", "recall_at_5": "Recall@5", "map": "mAP"}
_TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_GRID_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
_MOST_LINES = 5


@dataclass(frozen=True)
class Dot:
    """A figure at its place; `name` is the policy's, or TOP_P's probability mass."""

    name: str
    x: float
    y: float
    label: str


@dataclass(frozen=True)
class PricePanel:
    """One metric: TOP_P's line with its dots, and the policies'; `grid` is y and value, `ticks` x and shards."""

    name: str
    left: float
    right: float
    grid: tuple[tuple[float, float], ...]
    ticks: tuple[tuple[float, int], ...]
    line: str
    masses: tuple[Dot, ...]
    policies: tuple[Dot, ...]


def price_panels(price: PriceOfSafety | None) -> list[PricePanel]:
    """Return a panel for each metric; shards on a logarithmic axis, for most is decided among the first few."""
    if price is None:
        return []
    span = (WIDTH - (len(_METRICS) - 1) * _GAP) / len(_METRICS)
    return [_panel(price, metric, number * (span + _GAP), span) for number, metric in enumerate(_METRICS)]


def _panel(price: PriceOfSafety, metric: str, start: float, span: float) -> PricePanel:
    points: list[PricePoint] = [*price.top_p, *price.policies.values()]
    values = [getattr(point, metric) for point in points]
    grid = _grid(min(values), max(values))
    left, right = start + _AXIS_WIDTH, start + span
    most = max(2.0, *(point.mean_shards_searched for point in points))

    def x_of(shards: float) -> float:
        return left + _MARGIN + math.log(max(shards, 1.0)) / math.log(most) * (right - left - 2 * _MARGIN)

    def y_of(value: float) -> float:
        return _BOTTOM - (value - grid[0]) / (grid[-1] - grid[0]) * (_BOTTOM - _TOP)

    def dot(name: str, point: PricePoint) -> Dot:
        return _dot(name, point, metric, x_of, y_of)

    masses = [dot(f"{point.probability_mass:g}", point) for point in price.top_p]
    return PricePanel(
        name=_METRICS[metric],
        left=left,
        right=right,
        grid=tuple((y_of(value), value) for value in grid),
        ticks=tuple((x_of(tick), tick) for tick in _TICKS if tick <= most),
        line="M" + "L".join(f"{each.x:.1f} {each.y:.1f}" for each in masses),
        masses=tuple(masses),
        policies=tuple(dot(name, point) for name, point in price.policies.items()),
    )


def _dot(
    name: str, point: PricePoint, metric: str, x_of: Callable[[float], float], y_of: Callable[[float], float]
) -> Dot:
    value = getattr(point, metric)
    label = f"{_METRICS[metric]} {percent(value)} with {point.mean_shards_searched:.2f} shards"
    return Dot(name, x_of(point.mean_shards_searched), y_of(value), label)


def _grid(lowest: float, highest: float) -> Sequence[float]:
    """Return round values from at most `lowest` to at least `highest`, at least two."""
    step = next((step for step in _GRID_STEPS if (highest - lowest) / step < _MOST_LINES), _GRID_STEPS[-1])
    first = math.floor(lowest / step + 1e-9)
    last = max(math.ceil(highest / step - 1e-9), first + 1)
    return [number * step for number in range(first, last + 1)]
