"""The classifier's accuracy on a scale, beside the one from which it pays. Pure."""

from dataclasses import dataclass

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.evaluation.schema import BreakEven


@dataclass(frozen=True)
class Gauge:
    """x of 0, of the break-even accuracy (at most that of 1), of the classifier's accuracy, and of 1."""

    start: float
    threshold: float
    value: float
    end: float


def break_even_gauge(even: BreakEven | None) -> Gauge | None:
    """Return where the marks go; None when there is nothing to compare."""
    if even is None:
        return None
    scale = WIDTH - 2 * MARGIN
    threshold, value = (MARGIN + scale * min(share, 1.0) for share in (even.accuracy, even.classifier_top1_accuracy))
    return Gauge(MARGIN, threshold, value, MARGIN + scale)
