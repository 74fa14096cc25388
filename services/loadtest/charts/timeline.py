"""What happened over time: latencies, outcomes and cores, second by second. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.loadtest.charts.axes import LEFT, Axis, path, upwards
from services.loadtest.schema import Second

OUTCOMES: Final = ("ok", "partial", "shed", "error")
"""From the floor of a column to its top."""

_MOST_COLUMNS: Final = 180


@dataclass(frozen=True, slots=True)
class LineChart:
    """Lines over time; `lines` is each one's key and path."""

    x: Axis
    y: Axis
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rectangle:
    """One outcome in one column."""

    key: str
    x: float
    y: float
    width: float
    height: float
    label: str


@dataclass(frozen=True, slots=True)
class OutcomeChart:
    """Columns of what became of the photos, and a line of what was offered; a second each, or several."""

    x: Axis
    y: Axis
    rectangles: tuple[Rectangle, ...]
    offered: str


def latency_chart(seconds: Sequence[Second]) -> LineChart | None:
    """Return median, p90, p99 and the longest latency of each second; None without an answer."""
    told = [each for each in seconds if each.max_ms is not None]
    if not told:
        return None
    low = min(each.p50_ms for each in told if each.p50_ms is not None)
    high = max(each.max_ms for each in told if each.max_ms is not None)
    y = upwards(max(low * 0.8, 0.01), high * 1.1, logarithmic=True)
    of: dict[str, Callable[[Second], float | None]] = {
        "max": lambda each: each.max_ms,
        "p99": lambda each: each.p99_ms,
        "p90": lambda each: each.p90_ms,
        "p50": lambda each: each.p50_ms,
    }
    return _lines(seconds, y, of.items())


def cores_chart(seconds: Sequence[Second]) -> LineChart | None:
    """Return the cores that server, load generator and others used; None when none is known."""
    of: dict[str, Callable[[Second], float | None]] = {
        "server": lambda each: each.server_cores,
        "client": lambda each: each.client_cores,
        "others": lambda each: each.others_cores,
    }
    values = [value for each in seconds for value_of in of.values() if (value := value_of(each)) is not None]
    return _lines(seconds, upwards(0.0, max(values) * 1.1), of.items()) if values else None


def outcome_chart(seconds: Sequence[Second]) -> OutcomeChart | None:
    """Return what became of the photos, in as many columns as can be told apart; None for no time at all."""
    if not seconds:
        return None
    width = ceil(len(seconds) / _MOST_COLUMNS)
    columns = [seconds[at : at + width] for at in range(0, len(seconds), width)]
    x = _time_axis(seconds)
    highest = max(max(_rate(column, "offered"), sum(_rate(column, key) for key in OUTCOMES)) for column in columns)
    y = upwards(0.0, highest * 1.05)
    rectangles, offered = list[Rectangle](), list[tuple[float, float] | None]()
    for column in columns:
        left, right = x(column[0].at), x(column[-1].at + 1)
        reached = 0.0
        for key in OUTCOMES:
            rate = _rate(column, key)
            top = y(reached + rate)
            label = f"{column[0].at} s: {rate:.3g} a second"
            if rate:
                rectangles.append(Rectangle(key, left, top, right - left, y(reached) - top, label))
            reached += rate
        offered += [(left, y(_rate(column, "offered"))), (right, y(_rate(column, "offered")))]
    return OutcomeChart(x, y, tuple(rectangles), path(offered))


def _rate(column: Sequence[Second], key: str) -> float:
    values = [each.offered if key == "offered" else getattr(each.outcomes, key) for each in column]
    return float(sum(values)) / len(column)


def _lines(seconds: Sequence[Second], y: Axis, of: Iterable[tuple[str, Callable[[Second], float | None]]]) -> LineChart:
    x = _time_axis(seconds)
    lines = []
    for key, value_of in of:
        values = [(each.at, value_of(each)) for each in seconds]
        points = [None if value is None else (x(at + 0.5), y(value)) for at, value in values]
        if any(points):
            lines.append((key, path(points)))
    return LineChart(x, y, tuple(lines))


def _time_axis(seconds: Sequence[Second]) -> Axis:
    return Axis(0.0, float(seconds[-1].at + 1), LEFT, WIDTH - MARGIN)
