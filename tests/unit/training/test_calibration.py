"""Temperature scaling and calibration error: properties that hold whatever the numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.training.calibration import (
    calibration_error,
    fit_temperature,
    negative_log_likelihood,
    softmax,
)


def _logits(
    scale: float,
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Logits whose softmax is the truth, times `scale`; labels are drawn from the truth."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1.5, (4000, 6))
    labels = np.array([rng.choice(6, p=row) for row in softmax(logits)])
    return logits * scale, labels


@pytest.mark.parametrize("scale", [0.5, 1.0, 3.0])
def test_fitted_temperature_undoes_a_scale(scale: float) -> None:
    """Logits that are too large by a factor get that factor as their temperature."""
    assert fit_temperature(*_logits(scale)) == pytest.approx(scale, rel=0.08)


def test_fitted_temperature_is_the_best_of_many() -> None:
    """No temperature on a fine grid makes the labels likelier."""
    logits, labels = _logits(2.0)
    best = negative_log_likelihood(softmax(logits, fit_temperature(logits, labels)), labels)
    assert all(best <= negative_log_likelihood(softmax(logits, t), labels) + 1e-6 for t in np.linspace(0.5, 4, 36))


def test_calibration_error_falls_with_the_right_temperature() -> None:
    """Overconfident logits are far off, scaled ones are not."""
    logits, labels = _logits(3.0)
    assert calibration_error(softmax(logits), labels) > 0.1
    assert calibration_error(softmax(logits, 3.0), labels) < 0.03


def test_calibration_error_of_certainty_is_the_error_rate() -> None:
    """One bin, all sure, a quarter wrong."""
    sure = np.tile([[1.0, 0.0]], (8, 1))
    assert calibration_error(sure, np.array([0, 0, 0, 0, 0, 0, 1, 1])) == pytest.approx(0.25)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_softmax_is_a_distribution_that_keeps_the_order(seed: int, temperature: float) -> None:
    """Rows add up to one and the best stays the best, at any temperature and with huge logits."""
    logits = np.random.default_rng(seed).normal(0, 300, (5, 4))
    probabilities = softmax(logits, temperature)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities.argmax(axis=1) == logits.argmax(axis=1)).all()
