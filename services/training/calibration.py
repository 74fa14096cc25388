"""Calibration of a classifier: temperature scaling, and what shows whether it helped.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017.
"""

import numpy as np
from numpy.typing import NDArray

from services.relevance.reliability import binned, expected_calibration_error

Floats = NDArray[np.float64]


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Return probabilities [N, C] of logits [N, C]; a higher temperature makes them more even."""
    scaled = logits / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def negative_log_likelihood(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """Return the mean of -log P(label), in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float64).tiny)).mean())


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """Return the temperature in 0.05..20 that makes the labels likeliest, to 0.1 %.

    The likelihood has one maximum over the logarithm of the temperature, so golden-section search finds it.
    """
    low, high = np.log(0.05), np.log(20.0)
    golden = (np.sqrt(5) - 1) / 2

    def cost(log_temperature: float) -> float:
        return negative_log_likelihood(softmax(logits, float(np.exp(log_temperature))), labels)

    while high - low > 1e-3:  # noqa: PLR2004 - the precision promised above
        left, right = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, right) if cost(left) < cost(right) else (left, high)
    return float(np.exp((low + high) / 2))


def calibration_error(probabilities: Floats, labels: NDArray[np.int64]) -> float:
    """Return the expected calibration error of the likeliest labels, 0 to 1."""
    return expected_calibration_error(binned(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels))
