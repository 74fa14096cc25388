"""How latencies are distributed under every policy. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.evaluation.charts.frame import LABELS_WIDTH, MARGIN, WIDTH
from services.evaluation.schema import Histogram, Report

_ROW_HEIGHT = 54
_TICKS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_MOST_TICKS = 9


@dataclass(frozen=True)
class Ridge:
    """One policy's latencies: a filled outline over its own floor, and x of its median and 95th percentile."""

    policy: str
    floor: float
    outline: str
    p50: tuple[float, float]
    p95: tuple[float, float]


@dataclass(frozen=True)
class LatencyChart:
    """A ridge per policy over one axis; `ticks` is x and milliseconds."""

    height: float
    ticks: tuple[tuple[float, float], ...]
    ridges: tuple[Ridge, ...]


def latency_chart(report: Report) -> LatencyChart | None:
    """Return the distribution of latencies of every policy; None when nothing was answered."""
    histogram = report.latency_histogram
    if histogram is None:
        return None
    bins = max(len(counts) for counts in histogram.counts.values())
    scale = (WIDTH - LABELS_WIDTH - MARGIN) / (bins * histogram.width_ms)

    def x_of(milliseconds: float) -> float:
        inside = min(max(milliseconds - histogram.start_ms, 0.0), bins * histogram.width_ms)
        return LABELS_WIDTH + inside * scale

    ridges = []
    for row, (policy, counts) in enumerate(histogram.counts.items()):
        latency = report.policies[policy].latency_ms
        if latency is not None:
            floor = _ROW_HEIGHT * (row + 1)
            outline = _outline(counts, histogram, x_of(histogram.start_ms), histogram.width_ms * scale, floor)
            p50, p95 = ((x_of(value), value) for value in (latency.p50, latency.p95))
            ridges.append(Ridge(policy, floor, outline, p50, p95))
    height = _ROW_HEIGHT * len(histogram.counts) + 26
    end = histogram.start_ms + bins * histogram.width_ms
    ticks = tuple((x_of(value), value) for value in _ticks(histogram.start_ms, end))
    return LatencyChart(height, ticks, tuple(ridges))


def _outline(counts: Sequence[int], histogram: Histogram, left: float, step: float, floor: float) -> str:
    """Return an SVG path of steps; all ridges share one scale, so equal areas are equal numbers of answers."""
    highest = max(max(each) for each in histogram.counts.values()) or 1
    path = [f"M{left:.1f} {floor:.1f}"]
    for place, count in enumerate(counts):
        y = floor - count / highest * (_ROW_HEIGHT - 10)
        path.append(f"L{left + place * step:.1f} {y:.1f}L{left + (place + 1) * step:.1f} {y:.1f}")
    return "".join([*path, f"L{left + len(counts) * step:.1f} {floor:.1f}Z"])


def _ticks(start: float, end: float) -> list[float]:
    step = next((step for step in _TICKS_MS if (end - start) / step <= _MOST_TICKS), _TICKS_MS[-1])
    first = -(-start // step) * step
    return [first + step * number for number in range(int((end - first) // step) + 1)]
