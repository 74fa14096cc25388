"""The embedder's projection: principal components with partial whitening, in plain numpy.

Jégou and Chum, "Negative evidences and co-occurences in image retrieval: the benefit of PCA and whitening", ECCV 2012.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Projection:
    """Features x become (x - mean) @ components; `mean` float32 [F], `components` float32 [F, D]."""

    mean: NDArray[np.float32]
    components: NDArray[np.float32]

    def embed(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project features [N, F] and scale each row to length 1: float32 [N, D]."""
        projected = (features - self.mean) @ self.components
        lengths = np.linalg.norm(projected, axis=1, keepdims=True)
        return np.asarray(projected / np.maximum(lengths, np.finfo(np.float32).tiny), np.float32)


def fit(features: NDArray[np.float32], dimension: int, whitening: float) -> Projection:
    """Fit the projection to the leading principal components.

    Args:
        features: float32 [N, F], more rows than `dimension`.
        dimension: components to keep, 1 to F.
        whitening: 0 keeps each component's spread, 1 makes all spreads equal, between is between.

    Raises:
        ValueError: an argument is out of range.
    """
    rows, width = features.shape
    if not 1 <= dimension <= min(width, rows - 1):
        raise ValueError(f"dimension must be 1 to {min(width, rows - 1)}, not {dimension}")
    if not 0 <= whitening <= 1:
        raise ValueError(f"whitening must be 0 to 1, not {whitening}")
    mean = features.mean(axis=0, dtype=np.float64)
    centred = features - mean
    variances, directions = np.linalg.eigh(centred.T @ centred / (rows - 1))
    leading = np.argsort(variances)[::-1][:dimension]
    spread = np.sqrt(np.maximum(variances[leading], np.finfo(np.float64).eps))
    components = _with_fixed_signs(directions[:, leading]) / spread**whitening
    return Projection(mean.astype(np.float32), components.astype(np.float32))


def _with_fixed_signs(directions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Flip each column so that its largest entry is positive: another LAPACK then gives the same projection."""
    largest = np.abs(directions).argmax(axis=0)
    signs = np.sign(directions[largest, np.arange(directions.shape[1])])
    return np.asarray(directions * signs, np.float64)
