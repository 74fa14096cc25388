"""How categories of unequal size are balanced: half-way between all photos alike and all categories alike. Pure."""

import numpy as np
from numpy.typing import NDArray


def balanced_weights(labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return a weight per example, float64 [N], adding up to 1; `labels` are their categories, int64 [N].

    An example counts 1 / sqrt(n) in a category of n, so a category counts sqrt(n).
    """
    weights = 1 / np.sqrt(np.bincount(labels)[labels])
    return np.asarray(weights / weights.sum(), np.float64)


def draw_balanced(labels: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw examples by their balanced weights, with repetition: their places, int64 [count]."""
    return rng.choice(len(labels), size=count, replace=True, p=balanced_weights(labels)).astype(np.int64)
