"""The two regressions that scores are fitted with: which candidate it is, and whether it is. Pure.

Conditional logit: McFadden, "Conditional logit analysis of qualitative choice behavior", 1974; it learns what ranks the
right candidate first. Platt, "Probabilistic outputs for support vector machines", 1999; it turns a ranking's scores
into probabilities.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_STEPS = 50
_ENOUGH = 1e-7
_TINY_RIDGE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Choices:
    """N choices among candidates that stand in C groups of n, each described by F features and its group.

    Attributes:
        features: float64 `(F, N, C, n)`; finite where `present`.
        present: bool `(N, C, n)`, which candidates there are.
        chosen: the right candidate's place in each flattened `(C, n)`, int `(N,)`.
    """

    features: Floats
    present: npt.NDArray[np.bool_]
    chosen: npt.NDArray[np.intp]

    def log_probabilities(self, weights: Floats, offsets: Floats) -> Floats:
        """Return log P(candidate) of every candidate, `(N, C, n)`, -inf for absent ones.

        Args:
            weights: of the features, `(F,)`.
            offsets: of the groups, `(C,)`.
        """
        utility = np.tensordot(weights, self.features, axes=1) + offsets[:, None]
        utility[~self.present] = -np.inf
        highest = utility.max(axis=(1, 2), keepdims=True)
        return np.asarray(utility - highest - np.log(np.exp(utility - highest).sum(axis=(1, 2), keepdims=True)))

    def likelihoods(self, weights: Floats, offsets: Floats) -> Floats:
        """Return log P(right candidate) of each choice, `(N,)`."""
        flat = self.log_probabilities(weights, offsets).reshape(len(self.chosen), -1)
        return np.asarray(flat[np.arange(len(flat)), self.chosen])


def fit_choices(choices: Choices, ridge: float) -> tuple[Floats, Floats]:
    """Return the weights `(F,)` and offsets `(C,)` that make the right candidates likeliest, by Newton's method.

    Args:
        choices: at least one.
        ridge: penalty on the offsets' squares, in photos: as much as so many photos would say against an offset of 1;
            infinite leaves the offsets 0.

    The likelihood is concave, so there is one answer; a tiny ridge keeps it finite where the choices are separable.
    """
    count, groups, _ = choices.present.shape
    features = choices.features.reshape(len(choices.features), count, groups, -1)
    width = len(features)
    seen = _of_chosen(choices, features)
    free = width + (groups if np.isfinite(ridge) else 0)
    penalty = np.concatenate([np.full(width, _TINY_RIDGE * count), np.full(groups, ridge)])[:free]
    parameters = np.zeros(free)
    reached = _penalised(choices, parameters, penalty)
    for _ in range(_STEPS):
        odds = np.exp(choices.log_probabilities(*_parts(choices, parameters)))
        # Per photo and group: the mass, and the mass times each feature; all that the derivatives are made of.
        mass = odds.sum(axis=2)
        weighted = np.einsum("nck,fnck->fnc", odds, features)
        mean = np.concatenate([weighted.sum(axis=2), mass.T])[:free]
        gradient = (seen[:free] - mean).sum(axis=1) - penalty * parameters
        within = np.einsum("nck,fnck,gnck->fg", odds, features, features)
        second = np.zeros((free, free))
        second[:width, :width] = within
        if free > width:
            second[:width, width:] = weighted.sum(axis=1)
            second[width:, :width] = second[:width, width:].T
            second[width:, width:] = np.diag(mass.sum(axis=0))
        step = np.linalg.solve(second - mean @ mean.T + np.diag(penalty), gradient)
        while (tried := _penalised(choices, parameters + step, penalty)) < reached and np.abs(step).max() > _ENOUGH:
            step = step / 2  # Newton's step may overshoot far from the answer
        parameters, reached = parameters + step, tried
        if np.abs(step).max() < _ENOUGH:
            break
    return _parts(choices, parameters)


def _parts(choices: Choices, parameters: Floats) -> tuple[Floats, Floats]:
    """Return weights and offsets, 0 where they are not among the parameters."""
    width, groups = len(choices.features), choices.present.shape[1]
    return parameters[:width], parameters[width:] if len(parameters) > width else np.zeros(groups)


def _penalised(choices: Choices, parameters: Floats, penalty: Floats) -> float:
    likelihood = choices.likelihoods(*_parts(choices, parameters)).sum()
    return float(likelihood - (penalty * parameters**2).sum() / 2)


def _of_chosen(choices: Choices, features: Floats) -> Floats:
    """Return features and group indicators of the right candidates, `(F + C, N)`."""
    count, groups, size = choices.present.shape
    rows = np.arange(count)
    flat = features.reshape(len(features), count, -1)[:, rows, choices.chosen]
    indicator = np.zeros((groups, count))
    indicator[choices.chosen // size, rows] = 1.0
    return np.concatenate([flat, indicator])


def fit_platt(scores: Floats, right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return scale and shift with which `scale * score + shift` are the log-odds of being right.

    Args:
        scores: float64 `(N,)`.
        right: bool `(N,)`, some true and some not.

    Targets are smoothed as Platt does (one more of each kind), so that separable scores stay finite.
    """
    positives, negatives = int(right.sum()), int((~right).sum())
    targets = np.where(right, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    centre, spread = float(scores.mean()), float(scores.std()) or 1.0
    design = np.column_stack([(scores - centre) / spread, np.ones(len(scores))])
    parameters = np.array([0.0, np.log((positives + 1) / (negatives + 1))])
    cost = _platt_cost(design, targets, parameters)
    for _ in range(_STEPS):
        odds = 0.5 * (1 + np.tanh(0.5 * (design @ parameters)))
        gradient = design.T @ (targets - odds)
        curvature = (design * (odds * (1 - odds))[:, None]).T @ design + _TINY_RIDGE * np.eye(2)
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
