"""From similarity, and the classifier's prior, to the probability that a hit is the product in the photo. Pure.

Log-odds add up: what the similarity says (Platt, 1999, per shard) and what the classifier says about the shard's
category (log-linear pooling; Genest and Zidek, 1986). The weights are fitted, see `fitting`.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SimilarityMap:
    """One shard's map from similarity to log-odds: `intercept + slope * similarity`.

    Attributes:
        slope: above 0, so that the map never changes the order.
        intercept: the log-odds at similarity 0.

    Raises:
        ValueError: an attribute is not finite or out of range.
    """

    slope: float
    intercept: float

    def __post_init__(self) -> None:
        if not (0 < self.slope < math.inf and math.isfinite(self.intercept)):
            raise ValueError(f"a shard's slope must be above 0 and its intercept finite, not {self}")

    def log_odds(self, similarities: npt.NDArray[np.floating]) -> Floats:
        """Return the log-odds that each hit is the product, float64 in the shape of `similarities`."""
        return np.asarray(self.intercept + self.slope * similarities.astype(np.float64), np.float64)


@dataclass(frozen=True, slots=True)
class PriorFusion:
    """How much the classifier's prior counts beside the similarity.

    Attributes:
        evidence_weight: factor of the similarity's log-odds, above 0.
        prior_weight: factor of the prior's log-lift, at least 0; 0 where the classifier does not help.
        prior_floor: share of the prior that is spread evenly over all categories, in (0, 1]: the chance that the
            classifier is utterly wrong.
        bias: added to the log-odds.

    Raises:
        ValueError: an attribute is not finite or out of range.
    """

    evidence_weight: float
    prior_weight: float
    prior_floor: float
    bias: float

    def __post_init__(self) -> None:
        weights = 0 < self.evidence_weight < math.inf and 0 <= self.prior_weight < math.inf
        if not (weights and 0 < self.prior_floor <= 1 and math.isfinite(self.bias)):
            raise ValueError(f"weights must be positive, the floor in (0, 1] and the bias finite, not {self}")

    def lift(self, probabilities: npt.NDArray[np.floating], categories: int) -> Floats:
        """Return by how much each category is likelier than one drawn by lot, in nats; 0 for an even prior.

        Args:
            probabilities: the classifier's, of categories among `categories` ones; they sum to at most 1.
            categories: how many there are in all, at least 1.
        """
        floored = (1 - self.prior_floor) * probabilities.astype(np.float64) + self.prior_floor / categories
        return np.asarray(np.log(floored * categories), np.float64)

    def fuse(self, evidence: Floats, lift: Floats | float) -> Floats:
        """Return the log-odds of similarity and prior together.

        Args:
            evidence: the similarity's log-odds, of any shape.
            lift: the category's, of a shape that fits.
        """
        return np.asarray(self.evidence_weight * evidence + self.prior_weight * lift + self.bias, np.float64)


UNFITTED = SimilarityMap(slope=10.0, intercept=-5.0)
"""The map of shards that no photo was held out for: it keeps the order, and its probabilities mean nothing."""


def probability(log_odds: Floats) -> Floats:
    """Return the logistic function of log-odds, in [0, 1], without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * log_odds)), np.float64)


def log_odds(share: float) -> float:
    """Return the log-odds of a probability strictly between 0 and 1."""
    return math.log(share / (1.0 - share))
