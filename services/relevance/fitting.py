"""Fits scores to what held-out photos found: a map per shard, and how the classifier's prior is fused in. Pure.

Cross-validated likelihood over products settles whether the shards differ and whether the classifier helps. Where the
photos do not show it, the answer is no; that is what keeps a bad classifier from doing harm. How much the classifier
counts, the ranks of left-out products decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.relevance.evidence import Evidence
from services.relevance.logit import Choices, fit_choices, fit_platt
from services.relevance.scoring import Floats, PriorFusion, SimilarityMap, log_odds, probability
from services.relevance.waves import reciprocal_ranks

LEAST_PHOTOS = 30
"""Fewer photos of products in the gallery than this say too little to fit anything to."""
LEAST_PRODUCTS = 2
"""With fewer, nothing can be tried on a product that it was not fitted to."""

_FOLDS = 5
_SEED = 20
_FACTORS = (1.0, 1.4, 2.0, 2.8, 0.7, 0.5)
"""Of the prior's likeliest weight; the first of the best is taken."""
_FLOORS = (0.001, 0.01, 0.03, 0.1, 0.3, 0.6)
_EVEN = 1.0
"""A prior with this floor is even: similarity alone decides."""
_FLATTEST = 0.02
"""Least growth of the log-odds by one unit of the ranking's: scores that never grow could not be ranked by."""


@dataclass(frozen=True, slots=True)
class PlainScores:
    """Scores by similarity alone.

    Attributes:
        maps: one per shard, in the evidence's order.
        baseline: the map of the index over the whole gallery, which knows no shards.
        match_threshold: the probability of the best hit below which the gallery hardly has the product.
    """

    maps: tuple[SimilarityMap, ...]
    baseline: SimilarityMap
    match_threshold: float

    def log_odds(self, evidence: Evidence) -> Floats:
        """Return every candidate's log-odds, `(N, C, n)`, -inf for absent ones."""
        slopes = np.array([shard.slope for shard in self.maps])[:, None]
        intercepts = np.array([shard.intercept for shard in self.maps])[:, None]
        return np.asarray(intercepts + slopes * evidence.similarities)


@dataclass(frozen=True, slots=True)
class FusedScores:
    """Scores by similarity and prior; `match_threshold` as in `PlainScores`."""

    fusion: PriorFusion
    match_threshold: float

    def log_odds(self, plain: Floats, priors: Floats) -> Floats:
        """Return every candidate's log-odds, `(N, C, n)`, of its plain ones and the categories' priors `(N, C)`."""
        return self.fusion.fuse(plain, self.fusion.lift(priors, priors.shape[1])[:, :, None])


def fit_plain(evidence: Evidence) -> PlainScores | None:
    """Fit the shards' maps.

    Returns:
        None where the photos are too few (`LEAST_PHOTOS`) or of too few products (`LEAST_PRODUCTS`), or similar
        pictures are not of the same product more often than others.
    """
    known = evidence.of(evidence.answerable)
    if len(known) < LEAST_PHOTOS or len(set(known.products)) < LEAST_PRODUCTS:
        return None
    slope, offsets = _fit_ranking(known)
    if slope <= 0:
        return None
    ranking = offsets[:, None] + slope * evidence.similarities
    scale, shift = _calibrate(ranking, evidence)
    base_scale, base_shift = _calibrate(slope * evidence.similarities, evidence)
    return PlainScores(
        maps=tuple(SimilarityMap(float(scale * slope), float(scale * offset + shift)) for offset in offsets),
        baseline=SimilarityMap(float(base_scale * slope), base_shift),
        match_threshold=match_threshold(scale * ranking + shift, evidence),
    )


def _fit_ranking(known: Evidence) -> tuple[float, Floats]:
    """Return the slope of the similarity and the shards' offsets `(C,)` with which the right products come first.

    A shard that is similar to everything has that taken off by what it is to impostors (Z-norm: Auckenthaler, Carey and
    Lloyd-Thomas, "Score normalization for text-independent speaker verification systems", 2000), as far as the photos
    show that it misleads, which may be not at all.
    """
    folds = known.folds(_FOLDS, _SEED)
    levels = np.empty(known.similarities.shape[:2])
    for fold in np.unique(folds):
        levels[folds == fold] = impostor_levels(known.of(folds != fold))
    plain = _Fit.of(_choices(known, [known.similarities]), folds)
    levelled = _Fit.of(_choices(known, [known.similarities, _for_each(levels, known.similarities.shape)]), folds)
    if plain.likelihood >= levelled.likelihood:
        return float(plain.weights[0]), np.zeros(len(levels[0]))
    slope, weight = levelled.weights
    return float(slope), weight * impostor_levels(known)


def impostor_levels(evidence: Evidence) -> Floats:
    """Return how similar each shard's best product is to photos of other shards' products, on average, `(C,)`.

    A shard that saw no such photo has the mean of the others.
    """
    best = evidence.similarities[:, :, 0]
    impostors = ~evidence.right.any(axis=2) & np.isfinite(best)
    counts = impostors.sum(axis=0)
    sums = np.where(impostors, best, 0.0).sum(axis=0)
    levels = sums / np.maximum(counts, 1)
    return np.where(counts > 0, levels, levels[counts > 0].mean() if counts.any() else 0.0)


def fit_fused(evidence: Evidence, plain: PlainScores) -> FusedScores:
    """Fit how the classifier's prior is fused in.

    Args:
        evidence: what photos found.
        plain: scores by similarity alone, fitted to the same photos.

    The prior's weight is 0 where fusing does not make held-out products likelier than similarity alone does. Likelihood
    decides that, and about how much the prior counts; how much exactly, the ranks of held-out products, for likelihood
    is also moved by products that are too far down to be brought up.
    """
    odds = plain.log_odds(evidence)
    known = evidence.of(evidence.answerable)
    known_odds, priors = odds[evidence.answerable], evidence.priors[evidence.answerable]
    folds = known.folds(_FOLDS, _SEED)
    lifts = {floor: _spread(priors, floor, known_odds) for floor in (_EVEN, *_FLOORS)}
    fits = {floor: _Fit.of(_choices(known, [known_odds, lift]), folds) for floor, lift in lifts.items()}
    floor = max(fits, key=lambda floor: fits[floor].likelihood)  # the first of the best: it may be the even prior
    evidence_weight, prior_weight = (float(weight) for weight in fits[floor].weights)
    if floor == _EVEN or prior_weight <= 0 or evidence_weight <= 0:
        return FusedScores(PriorFusion(1.0, 0.0, 1.0, 0.0), plain.match_threshold)
    prior_weight *= _best_factor(known, known_odds, lifts[floor], folds, fits[floor].without_each)
    ranking = evidence_weight * odds + prior_weight * _spread(evidence.priors, floor, odds)
    scale, shift = _calibrate(ranking, evidence)
    fusion = PriorFusion(scale * evidence_weight, scale * prior_weight, floor, shift)
    return FusedScores(fusion, match_threshold(scale * ranking + shift, evidence))


def match_threshold(scores: Floats, evidence: Evidence) -> float:
    """Return the probability of the best hit that best tells photos of what is sold here from photos of what is not.

    Args:
        scores: log-odds of every candidate, `(N, C, n)`.
        evidence: which candidates are right.

    What is not sold here is every found product taken out of the gallery. "Best" is Youden's index (1950): the
    largest difference of the two shares at or above the threshold.
    """
    known = evidence.answerable
    flat, right = (table[known].reshape(int(known.sum()), -1) for table in (scores, evidence.right))
    sold, unsold = flat.max(axis=1), np.where(right, -np.inf, flat).max(axis=1)
    thresholds = np.unique(np.concatenate([sold, unsold[np.isfinite(unsold)]]))
    kept = [(sold >= threshold).mean() - (unsold >= threshold).mean() for threshold in thresholds]
    return float(probability(thresholds[int(np.argmax(kept))]))


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What features are worth.

    Attributes:
        weights: of the features, `(F,)`.
        without_each: the weights that the photos outside of each fold give, in the folds' order.
        likelihood: the mean log-likelihood of each fold's choices under what was fitted without it.
    """

    weights: Floats
    without_each: list[Floats]
    likelihood: float

    @classmethod
    def of(cls, choices: Choices, folds: npt.NDArray[np.intp]) -> "_Fit":
        weights = fit_choices(choices)
        without_each = [fit_choices(choices.some(folds != fold), start=weights) for fold in np.unique(folds)]
        parts = zip(np.unique(folds), without_each, strict=True)
        logarithms = [choices.some(folds == fold).probabilities(rest)[1] for fold, rest in parts]
        return cls(weights, without_each, float(np.concatenate(logarithms).mean()))


def _choices(known: Evidence, features: Sequence[Floats]) -> Choices:
    """Take each photo's most similar right candidate for the one to be chosen."""
    photos = len(known)
    present = np.isfinite(known.similarities).reshape(photos, -1)
    stacked = np.stack([np.where(present, feature.reshape(photos, -1), 0.0) for feature in features])
    similar = np.where(known.right, known.similarities, -np.inf).reshape(photos, -1)
    return Choices.among(stacked, present, similar.argmax(axis=1))


def _spread(priors: Floats, floor: float, like: Floats) -> Floats:
    """Return the priors' lifts, one for each candidate."""
    return _for_each(PriorFusion(1.0, 1.0, floor, 0.0).lift(priors, priors.shape[1]), like.shape)


def _for_each(of_shards: Floats, shape: tuple[int, ...]) -> Floats:
    """Return numbers `(N, C)` of photos' shards for each of the shards' candidates, `(N, C, n)`."""
    return np.broadcast_to(of_shards[:, :, None], shape)


def _best_factor(
    known: Evidence, odds: Floats, lifts: Floats, folds: npt.NDArray[np.intp], fits: Sequence[Floats]
) -> float:
    """Return the factor of the prior's weight with which held-out products come first, by mean reciprocal rank."""
    everywhere = np.full(len(known), odds.shape[1], np.intp)

    def merit(factor: float) -> float:
        ranking = np.empty_like(odds)
        for fold, rest in zip(np.unique(folds), fits, strict=True):
            held_out = folds == fold
            ranking[held_out] = rest[0] * odds[held_out] + factor * rest[1] * lifts[held_out]
        return float(reciprocal_ranks(ranking, known.right, everywhere).mean())

    return max(_FACTORS, key=merit)


def _calibrate(ranking: Floats, evidence: Evidence) -> tuple[float, float]:
    """Return scale (above 0) and shift that make the ranking's scores log-odds that the best hit is right.

    Every photo counts, also one whose product is too far down to be found. Of each only the best hit does: whether an
    answer can be trusted is what a score is read for, and the many candidates below would make scores too modest.
    """
    flat = ranking.reshape(len(ranking), -1)
    best = flat.argmax(axis=1)
    rows = np.arange(len(flat))
    scores, right = flat[rows, best], evidence.right.reshape(len(ranking), -1)[rows, best]
    scale, shift = fit_platt(scores, right)
    if scale >= _FLATTEST:
        return scale, shift
    share = (right.sum() + 1) / (len(right) + 2)
    return _FLATTEST, log_odds(float(share)) - _FLATTEST * float(scores.mean())
