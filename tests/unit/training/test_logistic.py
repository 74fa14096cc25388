"""Logistic regression: the gradient is the slope, the minimum is one, and easy data are learnt."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import approx_fprime

from services.training.balancing import balanced_weights
from services.training.logistic import Examples, fit, objective


def _examples(seed: int = 0, count: int = 90, kind: type = np.float64) -> Examples:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, count)
    features: NDArray[Any] = (rng.normal(size=(count, 4)) + 0.8 * np.eye(3, 4)[labels]).astype(kind)
    return Examples(features, labels, balanced_weights(labels))


def test_the_gradient_is_the_slope() -> None:
    """Analytic and numeric gradient agree at a random point."""
    examples, point = _examples(), np.random.default_rng(3).normal(size=4 * 3 + 3)
    numeric = approx_fprime(point, lambda at: objective(at, examples, 3, 0.1)[0], 1e-6)
    np.testing.assert_allclose(objective(point, examples, 3, 0.1)[1], numeric, atol=1e-5)


def test_the_end_does_not_depend_on_the_start() -> None:
    """The problem has one minimum: a warm start only saves time."""
    examples = _examples(kind=np.float32)
    cold, _ = fit(examples, 3, 0.05)
    warm, _ = fit(examples, 3, 0.05, fit(examples, 3, 1.0)[0])
    np.testing.assert_allclose(cold.weight, warm.weight, atol=3e-3)


def test_separable_data_are_learnt() -> None:
    """Three far clusters, all right, and the less penalty the surer."""
    labels = np.repeat([0, 1, 2], 20)
    features = (np.eye(3, 5)[labels] * 8 + np.random.default_rng(0).normal(size=(60, 5))).astype(np.float32)
    examples = Examples(features, labels, balanced_weights(labels))
    layer, loss = fit(examples, 3, 1e-3)
    assert (layer(features).argmax(axis=1) == labels).all()
    assert loss < fit(examples, 3, 1.0)[1]
