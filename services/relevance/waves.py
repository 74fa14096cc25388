"""How many shards ADAPTIVE searches: a first wave, and a second one when the first found nothing convincing. Pure.

The breadth is learned: the fewest shards with which held-out photos find as much as with all of them, and never less
than one index over everything would.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.relevance.evidence import Evidence
from services.relevance.scoring import Floats, probability

_MASSES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.997, 0.999, 1.0)
_WEAK_SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_TOLERATED = 0.003
"""Share of the mean reciprocal rank that photos may lose to a narrower search. It looks small, but what held-out photos
lose is what the search was fitted to: new ones lose two to four times as much."""
_HARM = 0.001
"""Share of what one index over everything finds that photos may lose: next to nothing, for that is what they had."""
_LISTS = (1, 5, 10)
"""Lengths of the lists in which nothing may be lost."""
ROUNDING = 1e-6
"""Sums of float32 probabilities miss 1 by rounding; without this a mass of 1 could never be reached."""


@dataclass(frozen=True, slots=True)
class Waves:
    """How far to search.

    Attributes:
        first_mass: the first wave takes the likeliest shards that hold this probability mass, in (0, 1].
        weak_below: a first wave whose best hit is less probable than this is followed by a second; 0 for never.
        second_mass: the mass that both waves hold together, at least `first_mass`.

    Raises:
        ValueError: an attribute is out of range.
    """

    first_mass: float
    weak_below: float
    second_mass: float

    def __post_init__(self) -> None:
        if not (0 < self.first_mass <= self.second_mass <= 1 and 0 <= self.weak_below <= 1):
            raise ValueError(f"masses must be in (0, 1], the second not below the first, not {self}")


EVERYWHERE = Waves(first_mass=1.0, weak_below=0.0, second_mass=1.0)
"""Every shard at once: what is right where nothing is known about the classifier."""


def reach(probabilities: Sequence[float] | npt.NDArray[np.floating], mass: float) -> int:
    """Return how many of the shards, given likeliest first, hold at least `mass`; all of them when none do.

    A mass of 1 is every shard, also those that a sure classifier, or one that does not know them, gives nothing.
    """
    if mass >= 1:
        return len(probabilities)
    held = np.cumsum(np.asarray(probabilities, np.float64))
    return min(int(np.searchsorted(held, mass - ROUNDING)) + 1, len(held))


def fit_waves(log_odds: Floats, evidence: Evidence) -> Waves:
    """Return the waves with the fewest shards with which photos find nearly as much as with every shard.

    And no less than by similarity alone in every shard, among the first one, five and ten: there is a product that the
    classifier would lead away from, and a mean over ranks hardly sees it.

    Args:
        log_odds: every candidate's, `(N, C, n)`, -inf for absent ones.
        evidence: of the same photos.

    What some photos gain, because a wrong shard was left out, does not make up for what others lose.
    """
    known = evidence.answerable
    evidence, log_odds = evidence.of(known), log_odds[known]
    order = np.argsort(-evidence.priors, axis=1, kind="stable")
    ranked = np.take_along_axis(log_odds, order[:, :, None], axis=1)
    right = np.take_along_axis(evidence.right, order[:, :, None], axis=1)
    held = np.take_along_axis(evidence.priors, order, axis=1)
    reaches = {mass: np.array([reach(row, mass) for row in held], np.intp) for mass in _MASSES}
    reciprocals = {mass: reciprocal_ranks(ranked, right, searched) for mass, searched in reaches.items()}
    everywhere = reciprocals[1.0]
    baseline = reciprocal_ranks(evidence.similarities, evidence.right, reaches[1.0])
    least = (1 - _HARM) * np.minimum(_found_among_first(baseline), _found_among_first(everywhere))
    best, fewest = EVERYWHERE, float("inf")
    for first, second in itertools.combinations_with_replacement(_MASSES, 2):
        strongest = _strongest(ranked, reaches[first])
        for share in _WEAK_SHARES if second > first else (0.0,):
            weak_below = float(np.quantile(strongest, share)) if share else 0.0
            weak = strongest < weak_below
            shards = float(np.where(weak, reaches[second], reaches[first]).mean())
            reached = np.where(weak, reciprocals[second], reciprocals[first])
            lost = np.maximum(everywhere - reached, 0.0).mean() / everywhere.mean()
            if shards < fewest and lost <= _TOLERATED and (_found_among_first(reached) >= least).all():
                best, fewest = Waves(first, weak_below, second if weak_below else first), shards
    return best


def _found_among_first(reciprocals: Floats) -> Floats:
    """Return the share of the photos whose product is among the first, for each length of list."""
    return np.array([(reciprocals >= 1 / length).mean() for length in _LISTS])


def _strongest(ranked: Floats, searched: npt.NDArray[np.intp]) -> Floats:
    """Return the best probability among the first `searched` shards of each photo."""
    per_shard = np.maximum.accumulate(ranked.max(axis=2), axis=1)
    return probability(per_shard[np.arange(len(searched)), searched - 1])


def reciprocal_ranks(ranked: Floats, right: npt.NDArray[np.bool_], searched: npt.NDArray[np.intp]) -> Floats:
    """Return 1 / the rank of each photo's best right candidate when only the first shards are searched, `(N,)`.

    Args:
        ranked: log-odds `(N, C, n)`, the likeliest shard first.
        right: which of them are right.
        searched: shards searched for each photo, `(N,)`.

    It is 0 for a photo whose right candidates are all in other shards.
    """
    beyond = np.arange(ranked.shape[1])[None, :, None] >= searched[:, None, None]
    scores = np.where(beyond, -np.inf, ranked).reshape(len(ranked), -1)
    best = np.where(right.reshape(len(ranked), -1), scores, -np.inf).max(axis=1)
    before = (scores > best[:, None]).sum(axis=1)
    return np.where(np.isfinite(best), 1.0 / (1 + before), 0.0)
