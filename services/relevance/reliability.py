"""Confidence against being right, in bins, and the error that sums it up. Pure.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BINS = 15
"""As in the paper."""


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers of about the same confidence.

    Attributes:
        low: least confidence, in [0, 1].
        high: the next bin's `low`.
        count: how many answers, at least 1.
        confidence: their mean confidence.
        accuracy: the share that is right.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def binned(confidences: npt.NDArray[np.floating], right: npt.NDArray[np.bool_]) -> list[Bin]:
    """Sort answers into bins of equal width, least sure first; empty bins are left out.

    Args:
        confidences: in [0, 1], `(N,)`.
        right: whether each is right, `(N,)`.
    """
    place = np.minimum((confidences * BINS).astype(np.intp), BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    confident = np.bincount(place, confidences, BINS)
    correct = np.bincount(place, right, BINS)
    return [
        Bin(number / BINS, (number + 1) / BINS, int(count), confident[number] / count, correct[number] / count)
        for number, count in enumerate(counts)
        if count
    ]


def expected_calibration_error(bins: Sequence[Bin]) -> float:
    """Return the mean gap between confidence and accuracy over all answers, in [0, 1]; 0 for none."""
    answers = sum(each.count for each in bins)
    return float(sum(each.count * abs(each.confidence - each.accuracy) for each in bins)) / max(answers, 1)
