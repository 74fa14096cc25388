"""How hits are scored, and when a plan goes on: the properties that ranking relies on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.answering.plan import Plan, RankedShard, Scoring
from services.gateway.answering.query import Verdict
from services.relevance.scoring import UNFITTED, PriorFusion, SimilarityMap, probability

similarities = st.floats(-1.0, 1.0, width=32)
priors = st.floats(0.0, 1.0)
maps = st.builds(SimilarityMap, slope=st.floats(0.1, 50.0), intercept=st.floats(-30.0, 30.0))
fusions = st.builds(
    PriorFusion,
    evidence_weight=st.floats(0.1, 3.0),
    prior_weight=st.floats(0.0, 3.0),
    prior_floor=st.floats(0.001, 1.0),
    bias=st.floats(-5.0, 5.0),
)
scorings = st.builds(Scoring, fusion=st.none() | fusions, categories=st.integers(1, 50))


def log_odds(scoring: Scoring, similarity: float, similarity_map: SimilarityMap, prior: float) -> float:
    shard = RankedShard("a", "A", prior, similarity_map)
    (value,) = scoring.log_odds(shard, np.array([similarity], np.float32)).tolist()
    return float(value)


@given(scoring=scorings, pair=st.tuples(similarities, similarities), similarity_map=maps, prior=priors)
def test_more_similar_is_never_worse(
    scoring: Scoring, pair: tuple[float, float], similarity_map: SimilarityMap, prior: float
) -> None:
    """Within a shard the order of similarity is the order of score, fused or not."""
    low, high = (log_odds(scoring, similarity, similarity_map, prior) for similarity in sorted(pair))
    assert low <= high
    assert 0.0 <= probability(np.array(low)) <= probability(np.array(high)) <= 1.0


@given(scoring=scorings, similarity=similarities, similarity_map=maps, pair=st.tuples(priors, priors))
def test_likelier_is_never_worse(
    scoring: Scoring, similarity: float, similarity_map: SimilarityMap, pair: tuple[float, float]
) -> None:
    """The same similarity counts at least as much in a likelier category."""
    low, high = (log_odds(scoring, similarity, similarity_map, prior) for prior in sorted(pair))
    assert low <= high


@given(similarity=similarities, similarity_map=maps, prior=priors)
def test_without_fusion_the_prior_has_no_say(similarity: float, similarity_map: SimilarityMap, prior: float) -> None:
    """The shard's own map is the score."""
    assert log_odds(Scoring(), similarity, similarity_map, prior) == pytest.approx(
        similarity_map.intercept + similarity_map.slope * similarity
    )


def test_the_sum_of_log_odds() -> None:
    """2 (-1 + 4 x 0.5) + 0.5 ln((0.9 x 0.4 + 0.1 / 4) x 4) + 0.25, by hand."""
    fusion = PriorFusion(evidence_weight=2.0, prior_weight=0.5, prior_floor=0.1, bias=0.25)
    fused = log_odds(Scoring(fusion=fusion, categories=4), 0.5, SimilarityMap(slope=4.0, intercept=-1.0), 0.4)
    assert fused == pytest.approx(2.0 + 0.5 * np.log(1.54) + 0.25)


@pytest.mark.parametrize(
    ("threshold", "best", "verdict"),
    [
        (0.6, 0.6, Verdict.MATCH),
        (0.6, 0.599, Verdict.NO_GOOD_MATCH),
        (0.0, 0.0, Verdict.MATCH),
        (0.6, None, Verdict.UNKNOWN),
        (None, 0.99, Verdict.UNKNOWN),
    ],
)
def test_a_verdict_needs_a_threshold_and_a_hit(threshold: float | None, best: float | None, verdict: Verdict) -> None:
    """At the threshold it is a match; without either nothing is claimed."""
    assert Scoring(threshold).verdict(best) is verdict


@pytest.mark.parametrize(
    ("second", "best", "goes_on"),
    [(True, 0.49, True), (True, 0.5, False), (True, None, True), (False, 0.0, False), (False, None, False)],
)
def test_only_a_weak_first_wave_is_followed_by_a_second(second: bool, best: float | None, goes_on: bool) -> None:  # noqa: FBT001
    """Weak is below the bound, or nothing at all; and there must be shards left."""
    shard = RankedShard("a", "A", 0.5, UNFITTED)
    assert Plan((shard,), Scoring(), (shard,) * second, weak_below=0.5).continues(best) is goes_on
