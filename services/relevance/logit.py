"""The two regressions that scores are fitted with: which candidate it is, and whether it is. Pure.

Conditional logit: McFadden, "Conditional logit analysis of qualitative choice behavior", 1974; it learns what ranks the
right candidate first. Platt, "Probabilistic outputs for support vector machines", 1999; it turns a ranking's scores
into probabilities.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from services.relevance.scoring import Floats, probability

Ints = npt.NDArray[np.intp]

_STEPS = 50
_ENOUGH = 1e-7
_TINY_RIDGE = 1e-6
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """N choices, each among candidates of its own; M candidates in all, described by F features.

    Attributes:
        features: float64 `(F, M)`, finite.
        choice: which choice each candidate is of, int `(M,)`, ascending; every choice has candidates.
        chosen: the place of each choice's right candidate among the M, int `(N,)`.
    """

    features: Floats
    choice: Ints
    chosen: Ints

    @classmethod
    def among(cls, features: Floats, present: npt.NDArray[np.bool_], chosen: Ints) -> "Choices":
        """Return choices among candidates that stand in a table.

        Args:
            features: float64 `(F, N, n)`; finite where `present`.
            present: bool `(N, n)`, which candidates there are.
            chosen: the right candidate among each choice's n, int `(N,)`; it is present.
        """
        place = np.cumsum(present.reshape(-1)) - 1
        count, size = present.shape
        return cls(features[:, present], np.nonzero(present)[0], place[np.arange(count) * size + chosen])

    def some(self, choices: npt.NDArray[np.bool_]) -> "Choices":
        """Return some of the choices, bool `(N,)`."""
        kept = choices[self.choice]
        number, place = np.cumsum(choices) - 1, np.cumsum(kept) - 1
        return Choices(self.features[:, kept], number[self.choice[kept]], place[self.chosen[choices]])

    def probabilities(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the probability of every candidate, `(M,)`, and its logarithm of every right one, `(N,)`.

        Args:
            weights: of the features, float64 `(F,)`.
        """
        utility = weights @ self.features
        utility -= np.maximum.reduceat(utility, self.starts)[self.choice]
        odds = np.exp(utility)
        total = np.add.reduceat(odds, self.starts)
        return odds / total[self.choice], utility[self.chosen] - np.log(total)

    @property
    def starts(self) -> Ints:
        """Where each choice's candidates begin, `(N,)`."""
        return np.searchsorted(self.choice, np.arange(len(self.chosen)))


def fit_choices(choices: Choices, start: Floats | None = None) -> Floats:
    """Return the features' weights, `(F,)`, that make the right candidates likeliest, by Newton's method.

    Args:
        choices: at least one.
        start: where to begin, the answer to almost the same choices; it saves steps.

    The likelihood is concave, so there is one answer; a tiny ridge keeps it finite where the choices are separable.
    Features are brought to one scale for the fit: similarities may differ by hundredths only.
    """
    centre, spread = choices.features.mean(axis=1), choices.features.std(axis=1)
    spread[spread <= _ROUNDING * np.abs(choices.features).max(axis=1)] = 1.0  # the same everywhere: it says nothing
    scaled = replace(choices, features=(choices.features - centre[:, None]) / spread[:, None])
    weights = np.zeros(len(spread)) if start is None else start * spread
    probabilities, reached = _evaluate(scaled, weights)
    for _ in range(_STEPS):
        step = _newton_step(scaled, weights, probabilities)
        probabilities, tried = _evaluate(scaled, weights + step)
        while tried < reached and np.abs(step).max() > _ENOUGH:
            step = step / 2  # Newton's step may overshoot far from the answer
            probabilities, tried = _evaluate(scaled, weights + step)
        weights, reached = weights + step, tried
        if np.abs(step).max() < _ENOUGH:
            break
    return np.asarray(weights / spread)


def _evaluate(choices: Choices, weights: Floats) -> tuple[Floats, float]:
    """Return the candidates' probabilities and the likelihood less the penalty."""
    probabilities, likelihoods = choices.probabilities(weights)
    return probabilities, float(likelihoods.sum() - _penalty(choices) * (weights**2).sum() / 2)


def _newton_step(choices: Choices, weights: Floats, probabilities: Floats) -> Floats:
    weighted = probabilities * choices.features
    means = np.add.reduceat(weighted, choices.starts, axis=1)
    gradient = choices.features[:, choices.chosen].sum(axis=1) - means.sum(axis=1) - _penalty(choices) * weights
    curvature = weighted @ choices.features.T - means @ means.T + _penalty(choices) * np.eye(len(weights))
    return np.asarray(np.linalg.solve(curvature, gradient))


def _penalty(choices: Choices) -> float:
    return _TINY_RIDGE * len(choices.chosen)


def fit_platt(scores: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return scale and shift with which `scale * score + shift` are the log-odds of being right.

    Args:
        scores: float64 `(N,)`.
        right: bool `(N,)`, some true and some not.

    Targets are smoothed as Platt does (one more of each kind), so that separable scores stay finite.
    """
    positives, negatives = int(right.sum()), int((~right).sum())
    targets = np.where(right, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, spread = float(scores.mean()), float(scores.std())
    if spread <= _ROUNDING * np.abs(scores).max():
        spread = 1.0  # all the same but for rounding, which must not be magnified
    design = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    parameters = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    cost = _platt_cost(design, targets, parameters)
    for _ in range(_STEPS):
        predicted = probability(design @ parameters)
        gradient = design.T @ (targets - predicted)
        curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design + _TINY_RIDGE * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while (tried := _platt_cost(design, targets, parameters + step)) > cost and np.abs(step).max() > _ENOUGH:
            step = step / 2
        parameters, cost = parameters + step, tried
        if np.abs(step).max() < _ENOUGH:
            break
    scale = float(parameters[0] / spread)
    return scale, float(parameters[1] - scale * centre)


def _platt_cost(design: Floats, targets: Floats, parameters: Floats) -> float:
    utility = design @ parameters
    return float((np.logaddexp(0.0, utility) - targets * utility).sum())
