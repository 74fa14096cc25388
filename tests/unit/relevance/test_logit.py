"""The two regressions, against differences, plain optimisers and planted parameters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from services.relevance.logit import Choices, fit_choices, fit_platt
from services.relevance.scoring import Floats


def random_choices(seed: int, photos: int = 40, size: int = 12, features: int = 3) -> Choices:
    """Choices among random candidates, some of them missing; the right one is more often one with high features."""
    rng = np.random.default_rng(seed)
    table = rng.normal(0, 1, (features, photos, size))
    present = rng.random((photos, size)) < 0.7
    chosen = rng.integers(0, size, photos)
    present[np.arange(photos), chosen] = True
    utility = np.where(present, table.sum(axis=0) + rng.gumbel(0, 1, present.shape), -np.inf)
    chosen = np.where(rng.random(photos) < 0.7, utility.argmax(axis=1), chosen)
    return Choices.among(np.where(present, table, 0.0), present, chosen)


def likelihood(choices: Choices, weights: Floats) -> float:
    """What a fit maximises, without the tiny ridge."""
    return float(choices.probabilities(weights)[1].sum())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_probabilities_add_up_to_one_in_every_choice(seed: int) -> None:
    """And the logarithm is that of the right candidate."""
    choices = random_choices(seed)
    odds, logarithms = choices.probabilities(np.random.default_rng(seed).normal(0, 3, 3))
    np.testing.assert_allclose(np.bincount(choices.choice, odds), 1.0)
    np.testing.assert_allclose(np.log(odds[choices.chosen]), logarithms, atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_at_the_answer_every_difference_vanishes(seed: int) -> None:
    """A small step in any direction gains nothing, so the derivatives that Newton's method used are right."""
    choices = random_choices(seed)
    best = fit_choices(choices)
    for direction in np.eye(len(best)):
        slope = likelihood(choices, best + 1e-5 * direction) - likelihood(choices, best - 1e-5 * direction)
        assert abs(slope / 2e-5) < 2e-3


def test_finds_what_a_plain_optimiser_finds() -> None:
    """Another method, with derivatives by differences, ends in the same place."""
    choices = random_choices(5, photos=120)
    other = minimize(lambda weights: -likelihood(choices, weights), np.zeros(3), tol=1e-9)
    np.testing.assert_allclose(fit_choices(choices), other.x, atol=2e-3)


def test_the_start_does_not_change_the_answer() -> None:
    """The likelihood has one summit."""
    choices = random_choices(2)
    far = np.array([30.0, -20.0, 5.0])
    np.testing.assert_allclose(fit_choices(choices), fit_choices(choices, start=far), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-4, 1e-2, 1.0, 1e4])
@pytest.mark.parametrize("shift", [0.0, 0.9])
def test_scale_and_shift_of_a_feature_only_scale_its_weight(scale: float, shift: float) -> None:
    """Similarities in a band of a hundredth are fitted as well as any."""
    choices = random_choices(3)
    scales, shifts = np.array([scale, 1.0, 1.0]), np.array([shift, 0.0, 0.0])
    moved = replace(choices, features=choices.features * scales[:, None] + shifts[:, None])
    np.testing.assert_allclose(fit_choices(moved) * scales, fit_choices(choices), rtol=1e-5)


def test_separable_choices_stay_finite_and_are_learned() -> None:
    """When the right candidate always has the highest feature, the weight is large, and not infinite."""
    rng = np.random.default_rng(4)
    table = rng.uniform(0, 1, (1, 50, 10))
    choices = Choices.among(table, np.ones((50, 10), np.bool_), table[0].argmax(axis=1))
    fitted = fit_choices(choices)
    assert 10 < fitted[0] < 1e6
    assert choices.probabilities(fitted)[1].mean() > -0.1


def test_a_feature_that_says_nothing_gets_no_weight() -> None:
    """One that is the same for all candidates can't tell them apart."""
    choices = random_choices(6)
    flat = replace(choices, features=np.stack([choices.features[0], np.full(len(choices.choice), 0.1)]))
    assert fit_choices(flat)[1] == pytest.approx(0.0, abs=1e-9)


def test_some_choices_are_those_choices() -> None:
    """Their candidates and right ones come along, and nothing else."""
    choices = random_choices(7)
    kept = np.arange(40) % 3 == 0
    weights = np.array([0.5, -1.0, 0.2])
    every, some = choices.probabilities(weights)[1], choices.some(kept).probabilities(weights)[1]
    np.testing.assert_allclose(some, every[kept])


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-3, 1.0, 1e3]),
    slope=st.floats(-3, 3),
)
def test_platt_finds_what_a_plain_optimiser_finds(seed: int, scale: float, slope: float) -> None:
    """On Platt's smoothed targets, whatever the scores' scale."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1, 60)
    right = rng.random(60) < 1 / (1 + np.exp(-slope * scores))
    right[:2] = [True, False]
    targets = np.where(right, (right.sum() + 1) / (right.sum() + 2), 1 / ((~right).sum() + 2))

    def cost(parameters: Floats) -> float:
        utility = parameters[0] * scores + parameters[1]
        return float((np.logaddexp(0, utility) - targets * utility).sum())

    expected = minimize(cost, np.zeros(2), tol=1e-10).x
    fitted = fit_platt(scale * scores, right)
    np.testing.assert_allclose([fitted[0] * scale, fitted[1]], expected, atol=2e-3)


def test_platt_of_separable_scores_is_finite() -> None:
    """The smoothed targets see to that."""
    scores = np.linspace(0.90, 0.91, 40)
    scale, shift = fit_platt(scores, scores > 0.905)
    assert np.isfinite([scale, shift]).all()
    assert scale > 0


def test_platt_does_not_magnify_rounding() -> None:
    """Scores that differ in their last digit only say nothing; what is left is how often they are right."""
    scores = np.full(30, 0.1)
    scores[::3] = np.nextafter(0.1, 1)
    scale, shift = fit_platt(scores, np.arange(30) % 3 == 0)
    assert abs(scale) < 10
    assert scale * 0.1 + shift == pytest.approx(np.log(10 / 20), abs=0.1)
