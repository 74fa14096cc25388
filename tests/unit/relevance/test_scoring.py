"""Scores: what is refused, and what holds for all numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relevance.priors import conditioned, label_positions
from services.relevance.scoring import PriorFusion, SimilarityMap, log_odds, probability


@pytest.mark.parametrize(("slope", "intercept"), [(0, 0), (-1, 0), (math.inf, 0), (math.nan, 0), (1, math.nan)])
def test_a_map_that_turns_the_order_round_is_refused(slope: float, intercept: float) -> None:
    """Nothing but a finite slope above 0 keeps the order."""
    with pytest.raises(ValueError, match="slope"):
        SimilarityMap(slope, intercept)


@pytest.mark.parametrize(
    "bad", [(0, 1, 0.1, 0), (1, -1, 0.1, 0), (1, 1, 0, 0), (1, 1, 1.1, 0), (1, 1, 0.1, math.inf), (math.nan, 1, 1, 0)]
)
def test_a_fusion_out_of_range_is_refused(bad: tuple[float, float, float, float]) -> None:
    """A manifest with such numbers must not load."""
    with pytest.raises(ValueError, match="weights must be"):
        PriorFusion(*bad)


@given(share=st.floats(1e-9, 1 - 1e-9))
def test_log_odds_and_probability_undo_each_other(share: float) -> None:
    """To rounding."""
    assert float(probability(np.array(log_odds(share)))) == pytest.approx(share, abs=1e-12)


def test_probabilities_of_huge_log_odds_do_not_overflow() -> None:
    """An absent candidate's -inf is 0."""
    np.testing.assert_array_equal(probability(np.array([-np.inf, -1e6, 0.0, 1e6])), [0.0, 0.0, 0.5, 1.0])


@given(floor=st.floats(1e-3, 1), categories=st.integers(1, 50))
def test_an_even_prior_lifts_nothing(floor: float, categories: int) -> None:
    """Whatever the floor."""
    fusion = PriorFusion(1.0, 1.0, floor, 0.0)
    np.testing.assert_allclose(fusion.lift(np.full(categories, 1 / categories), categories), 0.0, atol=1e-9)


@given(low=st.floats(0, 1), high=st.floats(0, 1))
def test_a_likelier_category_is_lifted_higher(low: float, high: float) -> None:
    """And an impossible one stays above minus infinity."""
    lift = PriorFusion(1.0, 1.0, 0.01, 0.0).lift(np.sort([low, high]), 10)
    assert np.isfinite(lift).all()
    assert lift[0] <= lift[1]


def test_probabilities_are_conditioned_on_the_categories_that_are_here() -> None:
    """Labels are matched by name without stray spaces; what the classifier does not know has none of the mass."""
    positions = label_positions(["Coat", "Hat", "Bag"], [" Bag ", "Shoe", "Coat"])
    assert positions.tolist() == [2, -1, 0]
    priors = conditioned(np.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]], np.float32), positions)
    np.testing.assert_allclose(priors, [[0.6, 0.0, 0.4], [0.0, 0.0, 0.0]], atol=1e-6)
    np.testing.assert_allclose(conditioned(np.array([0.2, 0.5, 0.3]), positions), [0.6, 0.0, 0.4])
