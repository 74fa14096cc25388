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
    """N choices, each among candidates that stand in groups; M candidates in all, described by F features.

    Attributes:
        features: float64 `(F, M)`, finite.
        choice: which choice each candidate is of, int `(M,)`, ascending; every choice has candidates.
        group: the group that each candidate stands in, int `(M,)`.
        groups: how many groups there are.
        chosen: the place of each choice's right candidate among the M, int `(N,)`.
    """

    features: Floats
    choice: Ints
    group: Ints
    groups: int
    chosen: Ints

    @classmethod
    def among(cls, features: Floats, present: npt.NDArray[np.bool_], chosen: Ints) -> "Choices":
        """Return choices among candidates that stand in a table.

        Args:
            features: float64 `(F, N, C, n)`; finite where `present`.
            present: bool `(N, C, n)`, which of the C groups' n candidates there are.
            chosen: the right candidate's place in each flattened `(C, n)`, int `(N,)`; it is present.
        """
        count, groups, size = present.shape
        choice, group, _ = np.nonzero(present)
        place = np.cumsum(present.reshape(-1)) - 1
        return cls(features[:, present], choice, group, groups, place[np.arange(count) * groups * size + chosen])

    def some(self, choices: npt.NDArray[np.bool_]) -> "Choices":
        """Return some of the choices, bool `(N,)`."""
        kept = choices[self.choice]
        number, place = np.cumsum(choices) - 1, np.cumsum(kept) - 1
        return Choices(
            self.features[:, kept],
            number[self.choice[kept]],
            self.group[kept],
            self.groups,
            place[self.chosen[choices]],
        )

    def probabilities(self, parameters: "Parameters") -> tuple[Floats, Floats]:
        """Return the probability of every candidate, `(M,)`, and its logarithm of every right one, `(N,)`."""
        utility = parameters.weights @ self.features + parameters.offsets[self.group]
        utility -= np.maximum.reduceat(utility, self.starts)[self.choice]
        odds = np.exp(utility)
        total = np.add.reduceat(odds, self.starts)
        return odds / total[self.choice], utility[self.chosen] - np.log(total)

    @property
    def starts(self) -> Ints:
        """Where each choice's candidates begin, `(N,)`."""
        return np.searchsorted(self.choice, np.arange(len(self.chosen)))


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """The weights of the features, float64 `(F,)`, and the offsets of the groups, `(C,)`."""

    weights: Floats
    offsets: Floats


def fit_choices(choices: Choices, ridge: float, start: Parameters | None = None) -> Parameters:
    """Return what makes the right candidates likeliest, by Newton's method.

    Args:
        choices: at least one.
        ridge: penalty on the offsets' squares, in choices: as much as so many choices would say against an offset of 1;
            infinite leaves the offsets 0.
        start: where to begin, the answer to almost the same choices; it saves steps.

    The likelihood is concave, so there is one answer; a tiny ridge keeps it finite where the choices are separable.
    Features are brought to one scale for the fit: similarities may differ by hundredths only.
    """
    centre, spread = choices.features.mean(axis=1), choices.features.std(axis=1)
    spread[spread <= _ROUNDING * np.abs(choices.features).max(axis=1)] = 1.0  # the same everywhere: it says nothing
    scaled = replace(choices, features=(choices.features - centre[:, None]) / spread[:, None])
    if start is None:
        start = Parameters(np.zeros(len(spread)), np.zeros(choices.groups))
    fitted = _Newton(scaled, ridge).maximise(Parameters(start.weights * spread, start.offsets))
    return Parameters(fitted.weights / spread, fitted.offsets)


class _Newton:
    """Newton's method with step halving on the penalised likelihood."""

    def __init__(self, choices: Choices, ridge: float) -> None:
        count, self._width = len(choices.chosen), len(choices.features)
        self._choices, self._starts = choices, choices.starts
        groups = choices.groups if np.isfinite(ridge) else 0
        self._penalty = np.concatenate([np.full(self._width, _TINY_RIDGE * count), np.full(groups, ridge)])
        chosen_groups = np.bincount(choices.group[choices.chosen], minlength=choices.groups)
        self._seen = np.concatenate([choices.features[:, choices.chosen].sum(axis=1), chosen_groups[:groups]])

    def maximise(self, start: Parameters) -> Parameters:
        vector = np.concatenate([start.weights, start.offsets])[: len(self._penalty)]
        probabilities, reached = self._evaluate(vector)
        for _ in range(_STEPS):
            step = self._step(vector, probabilities)
            probabilities, tried = self._evaluate(vector + step)
            while tried < reached and np.abs(step).max() > _ENOUGH:
                step = step / 2  # Newton's step may overshoot far from the answer
                probabilities, tried = self._evaluate(vector + step)
            vector, reached = vector + step, tried
            if np.abs(step).max() < _ENOUGH:
                break
        return self._parameters(vector)

    def _parameters(self, vector: Floats) -> Parameters:
        offsets = vector[self._width :]
        return Parameters(vector[: self._width], offsets if len(offsets) else np.zeros(self._choices.groups))

    def _evaluate(self, vector: Floats) -> tuple[Floats, float]:
        """Return the candidates' probabilities and the penalised likelihood."""
        probabilities, likelihoods = self._choices.probabilities(self._parameters(vector))
        return probabilities, float(likelihoods.sum() - (self._penalty * vector**2).sum() / 2)

    def _step(self, vector: Floats, probabilities: Floats) -> Floats:
        features, width = self._choices.features, self._width
        weighted = probabilities * features
        means = np.add.reduceat(weighted, self._starts, axis=1)
        second = np.zeros((len(vector), len(vector)))
        second[:width, :width] = weighted @ features.T
        if len(vector) > width:
            masses = self._by_group(probabilities)
            second[:width, width:] = [np.bincount(self._choices.group, row, self._choices.groups) for row in weighted]
            second[width:, :width] = second[:width, width:].T
            second[width:, width:] = np.diag(masses.sum(axis=1))
            means = np.concatenate([means, masses])
        gradient = self._seen - means.sum(axis=1) - self._penalty * vector
        return np.asarray(np.linalg.solve(second - means @ means.T + np.diag(self._penalty), gradient))

    def _by_group(self, probabilities: Floats) -> Floats:
        """Return the probability that each choice gives to each group, `(C, N)`."""
        count, groups = len(self._choices.chosen), self._choices.groups
        cells = np.bincount(self._choices.choice * groups + self._choices.group, probabilities, count * groups)
        return np.asarray(cells.reshape(count, groups).T, np.float64)


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
