"""From similarity and the classifier's prior to one score. Pure.

score = calibrated(similarity) * prior ** weight: a weighted product of experts (log-linear pooling, Genest and
Zidek, 1986). It stays in [0, 1], rises with similarity and with the prior, and is the plain calibrated similarity
when the weight is 0.
"""

import numpy as np
import numpy.typing as npt

from services.snapshot.manifest import Calibration

# A category that the classifier holds for impossible must still be ranked by similarity within itself.
_LEAST_PRIOR = 1e-6


def fuse(
    similarities: npt.NDArray[np.float32], calibration: Calibration, prior: float, weight: float
) -> npt.NDArray[np.float64]:
    """Return the score of each hit of one shard.

    Args:
        similarities: inner products of unit vectors, shape `(n,)`.
        calibration: the shard's map from similarity to score.
        prior: the classifier's probability of the shard's category, in [0, 1].
        weight: the prior's exponent, at least 0.

    Returns:
        Scores float64 `(n,)` in [0, 1], in the order of the similarities.
    """
    calibrated = np.clip(calibration.intercept + calibration.slope * similarities.astype(np.float64), 0.0, 1.0)
    scores: npt.NDArray[np.float64] = calibrated * max(prior, _LEAST_PRIOR) ** weight
    return scores
