"""Confidence against being right, and whether "no good match" was said rightly."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.client.types import Policy, Verdict
from services.evaluation.observation import Observation, ShownHit
from services.evaluation.reliability import reliability, score_judgements, verdicts
from services.relevance.reliability import BINS
from tests.support.shoppers import GALLERY, query, seen

A = Policy.ADAPTIVE


def test_bins_by_hand() -> None:
    """Two photos of 0.9 of which one is right are off by 0.4; one of 1.0 that is right is exact: 0.8 / 3 in all."""
    told = reliability([(0.9, True), (0.9, False), (1.0, True)])
    assert told is not None
    assert [(each.photos, each.confidence, each.accuracy) for each in told.bins] == [(2, 0.9, 0.5), (1, 1, 1)]
    assert (told.bins[0].low, told.bins[0].high) == pytest.approx((13 / 15, 14 / 15))
    assert told.expected_calibration_error == pytest.approx(0.8 / 3)


def test_nothing_to_judge_is_no_error_of_zero() -> None:
    """0 would say that it is calibrated."""
    assert reliability([]) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60))
def test_bins_hold_every_photo_once(judgements: list[tuple[float, bool]]) -> None:
    """The error is that of the definition, computed the other way: gaps summed over photos, bin by bin."""
    told = reliability(judgements)
    assert told is not None
    confidence, right = np.array(judgements, np.float64).T
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(places, weights=confidence - right, minlength=BINS)
    assert told.expected_calibration_error == pytest.approx(np.abs(gaps).sum() / len(judgements), abs=1e-9)
    assert (told.photos, sum(each.photos for each in told.bins)) == (len(judgements), len(judgements))
    assert all(each.low - 1e-9 <= each.confidence <= each.high + 1e-9 for each in told.bins)


def _best(number: int, product: str, score: float = 0.9, verdict: Verdict = Verdict.UNKNOWN) -> Observation:
    return seen(number, A, hits=(ShownHit(product, "Shoe", score, "x.png"),), verdict=verdict)


def test_scores_are_judged_where_a_product_is_known() -> None:
    """No hit, or no product to compare with, tells nothing about a score."""
    queries = [query(0), query(1), query(2, ""), query(3)]
    observations = [_best(0, "shoe-1", 0.8), _best(1, "bag-1", 0.3), _best(2, "bag-1"), seen(3, A)]
    assert score_judgements(queries, observations) == [(0.8, True), (0.3, False)]


def test_verdicts_are_counted_by_what_was_right() -> None:
    """One refused rightly, one wrongly, one of a product that is not sold here told, one not."""
    good, bad = Verdict.MATCH, Verdict.NO_GOOD_MATCH
    queries = [query(0), query(1), query(2), query(3, "new"), query(4, "new"), query(5, ""), query(6)]
    observations = [
        _best(0, "shoe-1", verdict=good),
        _best(1, "bag-1", verdict=bad),
        _best(2, "shoe-1", verdict=bad),
        _best(3, "bag-1", verdict=bad),
        _best(4, "bag-1", verdict=good),
        _best(5, "bag-1", verdict=bad),
        _best(6, "bag-1", verdict=Verdict.UNKNOWN),
    ]
    told = verdicts(queries, observations, GALLERY)
    assert told is not None
    assert (told.answers, told.no_good_match, told.no_good_match_rightly, told.wrong) == (5, 3, 2, 3)
    assert (told.not_in_gallery, told.not_in_gallery_told) == (2, 1)


def test_without_verdicts_there_is_nothing_to_count() -> None:
    """The snapshot learned none."""
    assert verdicts([query()], [_best(0, "shoe-1")], GALLERY) is None
