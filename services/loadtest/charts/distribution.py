"""How many callers waited how long: latency against the share of the answers, the tail drawn out. Pure."""

from dataclasses import dataclass
from math import log10
from typing import Final

import numpy as np

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.loadtest.charts.axes import LEFT, Axis, path, upwards
from services.loadtest.histogram import Histogram
from services.loadtest.verdict import enough

_LEAST_SLOWER: Final = 1e-5
_MARKS: Final = ((0.5, "half"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"))


@dataclass(frozen=True, slots=True)
class DistributionChart:
    """A curve; `marks` is the place and words of each share, `dots` the latency of those that enough answers tell."""

    y: Axis
    marks: tuple[tuple[float, str], ...]
    curve: str
    dots: tuple[tuple[float, float, float], ...]


def distribution_chart(histogram: Histogram) -> DistributionChart | None:
    """Return latency by share of the answers, each further nine taking the same room; None without answers."""
    if not histogram.count:
        return None
    milliseconds, counts = histogram.bins()
    shares = np.cumsum(counts) / histogram.count
    least = max(1 / histogram.count, _LEAST_SLOWER)
    # The last answer alone has nobody slower: it stands where one of twice as many would be.
    decades = Axis(0.0, -log10(least / 2), LEFT, WIDTH - MARGIN)
    y = upwards(max(float(milliseconds[0]) * 0.8, 0.01), float(milliseconds[-1]) * 1.1, logarithmic=True)
    points = list[tuple[float, float] | None]()
    before = 0.0
    for time, share in zip(milliseconds.tolist(), shares.tolist(), strict=True):
        points += [(_place(decades, before, least), y(time)), (_place(decades, share, least), y(time))]
        before = share
    marks = tuple((_place(decades, share, least), words) for share, words in _MARKS if 1 - share >= least * (1 - 1e-9))
    dots = tuple(
        (_place(decades, share, least), y(time), time)
        for share, _ in _MARKS
        if enough(histogram.count, share)
        for time in (histogram.quantile_ms(share),)
    )
    return DistributionChart(y, marks, path(points), dots)


def _place(decades: Axis, share: float, least: float) -> float:
    return decades(-log10(max(1 - share, least / 2)))
