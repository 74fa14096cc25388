"""Where the lines and areas of a report's charts go, in SVG's coordinates (y grows downwards). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.evaluation.schema import Histogram, Interval, PolicyReport, Report

WIDTH = 760
"""Of every chart; the page scales them."""

_CHARTED_METRICS = {"recall_at_1": "Recall@1", "recall_at_5": "Recall@5", "recall_at_10": "Recall@10", "map": "mAP"}
_BARS_TOP, _BARS_BOTTOM = 26, 246
_ROW_HEIGHT = 54
_LABELS_WIDTH = 92
_MARGIN = 14
_TICKS_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
_MOST_TICKS = 9


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


@dataclass(frozen=True)
class Segment:
    """One stage in a policy's row."""

    stage: str
    x: float
    width: float
    milliseconds: float


@dataclass(frozen=True)
class StageRow:
    """One policy's median time, stage after stage."""

    policy: str
    y: float
    segments: tuple[Segment, ...]
    total_ms: float


def quality_chart(report: Report) -> BarChart | None:
    """Return recall and mAP of every policy; None when there are no product figures."""
    policies = {name: policy for name, policy in report.policies.items() if policy.intervals}
    if not policies:
        return None
    span = (WIDTH - 2 * _MARGIN) / len(_CHARTED_METRICS)
    bar_width = min(30.0, (span - 28) / len(policies))
    groups = []
    for number, (metric, name) in enumerate(_CHARTED_METRICS.items()):
        centre = _MARGIN + span * (number + 0.5)
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


def latency_chart(report: Report) -> LatencyChart | None:
    """Return the distribution of latencies of every policy; None when nothing was answered."""
    histogram = report.latency_histogram
    if histogram is None:
        return None
    bins = max(len(counts) for counts in histogram.counts.values())
    scale = (WIDTH - _LABELS_WIDTH - _MARGIN) / (bins * histogram.width_ms)

    def x_of(milliseconds: float) -> float:
        inside = min(max(milliseconds - histogram.start_ms, 0.0), bins * histogram.width_ms)
        return _LABELS_WIDTH + inside * scale

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


def stage_rows(policies: Mapping[str, PolicyReport]) -> list[StageRow]:
    """Return where each policy's time goes; the models run side by side, so the slower one stands for both."""
    told = {name: policy.stages_ms_p50 for name, policy in policies.items() if policy.stages_ms_p50.get("total")}
    longest = max((stages["total"] for stages in told.values()), default=1.0)
    scale = (WIDTH - _LABELS_WIDTH - _MARGIN - 60) / longest
    return [_stage_row(name, stages, 34.0 * number, scale) for number, (name, stages) in enumerate(told.items())]


def _stage_row(policy: str, stages: Mapping[str, float], y: float, scale: float) -> StageRow:
    parts = {
        "decode": stages.get("decode", 0.0),
        "models": max(stages.get("classify", 0.0), stages.get("embed", 0.0)),
        "route": stages.get("route", 0.0),
        "scatter": stages.get("scatter", 0.0),
        "merge": stages.get("merge", 0.0),
    }
    parts["rest"] = max(stages["total"] - sum(parts.values()), 0.0)
    segments, x = [], float(_LABELS_WIDTH)
    for stage, milliseconds in parts.items():
        segments.append(Segment(stage, x, milliseconds * scale, milliseconds))
        x += milliseconds * scale
    return StageRow(policy, y, tuple(segments), stages["total"])
