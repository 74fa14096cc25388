"""Metrics against hand-computed examples and slow, obvious oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.evaluation.metrics import (
    average_precision,
    gain_percent,
    interval,
    mean_or_none,
    percentiles,
    ranks_of,
    recall_at_k,
    reciprocal_rank,
    resampled_means,
)

PRODUCTS = st.sampled_from("abcdefgh")
RANKED = st.lists(PRODUCTS, max_size=8, unique=True)
RELEVANT = st.sets(PRODUCTS, min_size=1)


def test_a_hand_computed_answer() -> None:
    """b and d of {b, d, z} at ranks 2 and 4: AP = (1/2 + 2/4) / 3, the product that is missing counts as 0."""
    ranks = ranks_of(["a", "b", "c", "d"], {"b", "d", "z"})
    assert ranks == (2, 4)
    assert [recall_at_k(ranks, 3, k) for k in (1, 2, 4)] == pytest.approx([0, 1 / 3, 2 / 3])
    assert average_precision(ranks, 3) == pytest.approx(1 / 3)
    assert reciprocal_rank(ranks) == 0.5


def test_nothing_found_is_zero() -> None:
    """An answer without the product scores 0 in every metric."""
    assert ranks_of(["a"], {"b"}) == ()
    assert (recall_at_k((), 1, 10), average_precision((), 1), reciprocal_rank(())) == (0, 0, 0)


def test_a_product_that_comes_twice_counts_once() -> None:
    """A broken answer can't lift recall or precision above 1."""
    ranks = ranks_of(["a", "a", "b"], {"a", "b"})
    assert ranks == (1, 3)
    assert recall_at_k(ranks, 2, 3) == 1


@given(RANKED, RELEVANT, st.integers(1, 10))
def test_recall_is_the_share_of_relevant_products_in_the_head(ranked: list[str], relevant: set[str], k: int) -> None:
    """Against set arithmetic on the first k."""
    expected = len(set(ranked[:k]) & relevant) / len(relevant)
    assert recall_at_k(ranks_of(ranked, relevant), len(relevant), k) == pytest.approx(expected)


@given(RANKED, RELEVANT)
def test_average_precision_is_the_mean_precision_at_each_relevant_product(
    ranked: list[str], relevant: set[str]
) -> None:
    """Against its definition, written as the double loop that it is."""
    total = 0.0
    for product in relevant:
        if product in ranked:
            head = ranked[: ranked.index(product) + 1]
            total += sum(each in relevant for each in head) / len(head)
    ranks = ranks_of(ranked, relevant)
    assert average_precision(ranks, len(relevant)) == pytest.approx(total / len(relevant))
    if len(relevant) == 1:
        assert average_precision(ranks, 1) == reciprocal_rank(ranks)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.floats(0, 100))
def test_percentiles_lie_between_the_two_nearest_values(values: list[float], percent: float) -> None:
    """Against sorting, and drawing the line by hand."""
    place = percent / 100 * (len(values) - 1)
    below, ordered = int(place), sorted(values)
    above = min(below + 1, len(values) - 1)
    expected = ordered[below] + (ordered[above] - ordered[below]) * (place - below)
    assert percentiles(values, (percent,)) == pytest.approx([expected], abs=1e-6)


def test_gains_are_relative() -> None:
    """0.3 to 0.6 is a gain of 100 %; against nothing there is no gain to speak of."""
    assert gain_percent(0.6, 0.3) == pytest.approx(100)
    assert gain_percent(0.3, 0.4) == pytest.approx(-25)
    assert gain_percent(0.3, 0.0) is None


def test_a_mean_with_an_unknown_part_is_unknown() -> None:
    """A mean over fewer metrics would be another figure under the same name."""
    assert mean_or_none([1.0, 3.0]) == 2
    assert mean_or_none([1.0, None]) is None
    assert mean_or_none([]) is None


def test_resampling_repeats_with_its_seed_and_centres_on_the_means() -> None:
    """The same seed gives the same draws; their average is the sample's mean."""
    figures = np.random.default_rng(3).random((2, 200))
    first, again, other = (resampled_means(figures, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_allclose(first.mean(axis=0), figures.mean(axis=1), atol=0.003)


def test_rows_are_resampled_in_pairs() -> None:
    """Two rows that differ by 0.1 on every photo differ by 0.1 in every draw."""
    row = np.random.default_rng(3).random(50)
    draws = resampled_means(np.stack([row, row + 0.1]), seed=1)
    np.testing.assert_allclose(draws[:, 1] - draws[:, 0], 0.1)


def test_an_interval_is_as_wide_as_theory_says() -> None:
    """For 400 photos of which half are right: 0.5 plus and minus 1.96 * sqrt(0.25 / 400) = 0.049."""
    figures = np.tile([0.0, 1.0], 200)[None]
    low, high = interval(resampled_means(figures, seed=5)[:, 0])
    assert low == pytest.approx(0.451, abs=0.006)
    assert high == pytest.approx(0.549, abs=0.006)
