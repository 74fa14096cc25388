"""How far is searched: what is learned, and the promise that it keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.relevance.evidence import Evidence
from services.relevance.learning import learn
from services.relevance.scoring import Floats, probability
from services.relevance.waves import EVERYWHERE, Waves, fit_waves, reach, reciprocal_ranks
from tests.support.evidence import Classifier, planted_evidence


@given(masses=st.lists(st.floats(1e-3, 1), min_size=1, max_size=10), mass=st.floats(0.01, 0.999))
def test_the_shortest_prefix_that_holds_the_mass(masses: list[float], mass: float) -> None:
    """One shard fewer would hold less."""
    shares = sorted((np.array(masses) / sum(masses)).tolist(), reverse=True)
    count = reach(shares, mass)
    assert sum(shares[:count]) >= mass - 2e-6
    assert sum(shares[: count - 1]) < mass


def test_a_mass_of_one_is_every_shard() -> None:
    """Also those that a classifier is sure not to need, or does not know: only so can nothing be lost."""
    assert reach([1.0 - 1e-9, 1e-9, 0.0], 1.0) == 3


@pytest.mark.parametrize("bad", [(0.0, 0.5, 0.5), (0.9, 0.5, 0.8), (0.9, 0.5, 1.1), (0.9, 1.5, 1.0), (0.9, -0.1, 1.0)])
def test_waves_out_of_range_are_refused(bad: tuple[float, float, float]) -> None:
    """A manifest with such numbers must not load."""
    with pytest.raises(ValueError, match="masses must be"):
        Waves(*bad)


def searched_by(waves: Waves, ranked: Floats, held: Floats) -> list[int]:
    """How many shards each photo's search takes, as the gateway does it: one photo at a time."""
    counts = []
    for odds, shares in zip(ranked, held, strict=True):
        first = reach(shares, waves.first_mass)
        weak = float(probability(odds[:first].max())) < waves.weak_below
        counts.append(reach(shares, waves.second_mass) if weak else first)
    return counts


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1_000),
    photos=st.integers(30, 120),
    classifier=st.sampled_from(["perfect", "useful", "random", "constant", "surely wrong"]),
    weight=st.floats(0, 3),
)
def test_photos_lose_next_to_nothing_to_the_waves_that_they_taught(
    seed: int, photos: int, classifier: Classifier, weight: float
) -> None:
    """Whatever the classifier, and however much its prior counts: at most 0.3 % of the mean reciprocal rank."""
    evidence = planted_evidence(photos, classifier, seed)
    priors = evidence.priors
    odds = 12.5 * evidence.similarities + weight * np.log(priors + 1e-6)[:, :, None]
    waves = fit_waves(odds, evidence)
    order = np.argsort(-priors, axis=1, kind="stable")
    ranked = np.take_along_axis(odds, order[:, :, None], axis=1)
    right = np.take_along_axis(evidence.right, order[:, :, None], axis=1)
    searched = searched_by(waves, ranked, np.take_along_axis(priors, order, axis=1))
    everywhere = reciprocal_ranks(ranked, right, np.full(photos, ranked.shape[1]))
    narrow = reciprocal_ranks(ranked, right, np.array(searched))
    assert np.maximum(everywhere - narrow, 0).mean() <= 0.003 * everywhere.mean() + 1e-12
    baseline = reciprocal_ranks(evidence.similarities, evidence.right, np.full(photos, ranked.shape[1]))
    for length in (1, 5, 10):
        found = [(ranks >= 1 / length).mean() for ranks in (narrow, everywhere, baseline)]
        assert found[0] >= 0.999 * min(found[1:])


def test_nothing_is_lost_that_one_index_over_everything_finds() -> None:
    """One photo in 200 whose product is tenth: to the mean rank it is nothing, to its shopper it is the product."""
    evidence = planted_evidence(200, "perfect", 4, separation=8.0)
    similarities, right, priors = evidence.similarities.copy(), evidence.right.copy(), evidence.priors.copy()
    similarities[0], right[0] = 0.1, False
    similarities[0, 1], similarities[0, 2, :4] = 0.3, 0.3  # nine products come before
    similarities[0, 0, 0], right[0, 0, 0] = 0.2, True
    priors[0] = np.where(np.arange(8) == 1, 1.0, 1e-9)  # and the classifier is sure of another category
    astray = Evidence(similarities, right, evidence.products, priors)
    assert reciprocal_ranks(similarities, right, np.full(200, 8))[0] == pytest.approx(1 / 10)
    likeliest_first = [1, 0, *range(2, 8)]
    waves = fit_waves(similarities, astray)
    assert searched_by(waves, similarities[:1, likeliest_first], priors[:1, likeliest_first]) == [8]


@pytest.mark.parametrize("classifier", ["perfect", "useful"])
def test_a_good_classifier_saves_shards(classifier: Classifier) -> None:
    """A perfect one all but one of eight; one that is right for 99 % most of them."""
    evidence = planted_evidence(300, classifier, 1, accuracy=0.995)
    lessons = learn(evidence)
    assert lessons is not None
    priors = evidence.priors
    odds = lessons.fused.log_odds(lessons.plain.log_odds(evidence), priors)
    order = np.argsort(-priors, axis=1, kind="stable")
    ranked = np.take_along_axis(odds, order[:, :, None], axis=1)
    mean = np.mean(searched_by(lessons.waves, ranked, np.take_along_axis(priors, order, axis=1)))
    assert mean == 1.0 if classifier == "perfect" else mean < 4


@pytest.mark.parametrize("classifier", ["random", "constant", "surely wrong"])
def test_a_classifier_that_does_not_help_leaves_nothing_out(classifier: Classifier) -> None:
    """Not even the categories that no held-out photo happens to be of."""
    lessons = learn(planted_evidence(200, classifier, 2))
    assert lessons is not None
    assert lessons.waves == EVERYWHERE


def test_reciprocal_ranks_count_what_was_searched() -> None:
    """Candidates of later shards neither answer nor stand in the way."""
    ranked = np.array([[[1.0, 0.0], [3.0, 2.0]]])
    right = np.array([[[False, True], [False, True]]])
    assert reciprocal_ranks(ranked, right, np.array([1])) == [1 / 2]
    assert reciprocal_ranks(ranked, right, np.array([2])) == [1 / 2]
    only_later = np.array([[[False, False], [True, False]]])
    assert reciprocal_ranks(ranked, only_later, np.array([1])) == [0.0]
    assert reciprocal_ranks(ranked, only_later, np.array([2])) == [1.0]
