"""From which accuracy on a classifier pays, if only the likeliest category is searched. Pure."""

from collections.abc import Sequence

import numpy as np


def break_even_accuracy(base: Sequence[float], oracle: Sequence[float]) -> float:
    """Return the share of photos that a classifier must send the right way for TOP_1 to equal one index over all.

    A photo sent the wrong way finds nothing, so TOP_1 reaches about accuracy x oracle on each metric; it equals the
    base where accuracy = 1 / (1 + the oracle's mean relative gain). This takes hard and easy photos to be
    misclassified alike; if the hard ones are, which is usual, a little less is enough.

    Args:
        base: metrics of one index over the whole gallery, each above 0.
        oracle: the same metrics when the right category is always searched.

    Returns:
        Above 1 where even a perfect classifier would lose.

    Raises:
        ValueError: the lists differ in length, are empty, or a base metric is not above 0.
    """
    if not base or len(base) != len(oracle) or min(base) <= 0:
        raise ValueError("base and oracle must hold the same metrics, and the base's must be above 0")
    return float(1.0 / np.mean(np.divide(oracle, base)))
