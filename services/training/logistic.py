"""Multinomial logistic regression on frozen features: L-BFGS with the analytic gradient. Pure.

Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical Programming 1989.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from services.training.surgery import Linear

_STEPS = 200
_GRADIENT = 1e-4  # the largest entry at which the minimum counts as reached


@dataclass(frozen=True)
class Examples:
    """What a regression learns from: features float32 [N, F], labels int64 [N], and weights float64 [N]."""

    features: NDArray[np.float32]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]


def fit(examples: Examples, classes: int, penalty: float, start: Linear | None = None) -> tuple[Linear, float]:
    """Minimise the weighted mean of -log P(label) + penalty / 2 * |weight|^2.

    Args:
        examples: features of about unit spread.
        classes: how many labels there are.
        penalty: above 0; the bias is not penalised.
        start: where to begin, which decides how long it takes but not where it ends.

    Returns:
        The layer from features to logits, and the mean -log P(label) at the end, in nats.
    """
    width = examples.features.shape[1]
    first = Linear(np.zeros((width, classes), np.float32), np.zeros(classes, np.float32)) if start is None else start
    flat = np.concatenate([first.weight.ravel(), first.bias]).astype(np.float64)
    found = minimize(
        lambda point: objective(point, examples, classes, penalty),
        flat,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": _STEPS, "gtol": _GRADIENT, "maxcor": 12},
    )
    layer = _layer(found.x, width, classes)
    return layer, float(found.fun - penalty / 2 * (found.x[:-classes] ** 2).sum())


def objective(
    point: NDArray[np.float64], examples: Examples, classes: int, penalty: float
) -> tuple[float, NDArray[np.float64]]:
    """Return what is minimised, and its gradient, at weights and biases laid end to end, float64 [F * C + C].

    Products run in the features' own precision; sums over examples and the search in float64.
    """
    layer = _layer(point, examples.features.shape[1], classes, examples.features.dtype.type)
    logits = (examples.features @ layer.weight + layer.bias).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    rows = np.arange(len(logits))
    chosen = logits[rows, examples.labels]
    powers = np.exp(logits, out=logits)
    totals = powers.sum(axis=1)
    loss = float(examples.weights @ (np.log(totals) - chosen))
    slope = powers * (examples.weights / totals)[:, None]
    slope[rows, examples.labels] -= examples.weights
    weight = point[:-classes]
    by_weight = (examples.features.T @ slope.astype(examples.features.dtype)).ravel() + penalty * weight
    return loss + penalty / 2 * float(weight @ weight), np.concatenate([by_weight, slope.sum(axis=0)])


def _layer(point: NDArray[np.float64], width: int, classes: int, kind: type = np.float32) -> Linear:
    return Linear(point[:-classes].reshape(width, classes).astype(kind), point[-classes:].astype(kind))
