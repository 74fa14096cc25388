"""What held-out photos teach, tried on fresh photos of the same world."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.relevance import fitting
from services.relevance.evidence import Evidence
from services.relevance.fitting import LEAST_PHOTOS, impostor_levels, match_threshold
from services.relevance.learning import Lessons, learn
from services.relevance.scoring import Floats, probability
from services.relevance.waves import reciprocal_ranks
from tests.support.evidence import Classifier, planted_evidence


def taught(evidence: Evidence) -> Lessons:
    lessons = learn(evidence)
    assert lessons is not None
    return lessons


def fused(lessons: Lessons, evidence: Evidence) -> Floats:
    return lessons.fused.log_odds(lessons.plain.log_odds(evidence), evidence.priors)


def figures(scores: Floats, evidence: Evidence) -> Floats:
    """Recall@1, recall@5 and mean reciprocal rank over all shards."""
    everywhere = np.full(len(evidence), scores.shape[1])
    found = reciprocal_ranks(scores, evidence.right, everywhere)
    return np.array([(found == 1).mean(), (found >= 0.2).mean(), found.mean()])


@pytest.mark.parametrize("photos", [40, 250])
@pytest.mark.parametrize(
    ("classifier", "accuracy"),
    [("random", 0), ("constant", 0), ("surely wrong", 0), ("useful", 0.3), ("useful", 0.9)],
)
def test_no_classifier_does_harm_on_fresh_photos(photos: int, classifier: Classifier, accuracy: float) -> None:
    """Neither one that knows nothing nor one that is surely wrong costs more than 1 % of any figure."""
    lessons = taught(planted_evidence(photos, classifier, 1, accuracy=accuracy))
    fresh = planted_evidence(3_000, classifier, 2, accuracy=accuracy)
    assert (figures(fused(lessons, fresh), fresh) >= 0.99 * figures(fresh.similarities, fresh)).all()


@pytest.mark.parametrize("classifier", ["random", "constant", "surely wrong"])
def test_a_useless_classifier_has_next_to_no_weight(classifier: Classifier) -> None:
    """What does not make held-out products likelier does not count."""
    fusion = taught(planted_evidence(300, classifier, 3)).fused.fusion
    assert fusion.prior_weight <= 0.02 * fusion.evidence_weight


@pytest.mark.parametrize(("classifier", "least_gain"), [("perfect", 1.5), ("useful", 1.4)])
def test_a_good_classifier_helps_on_fresh_photos(classifier: Classifier, least_gain: float) -> None:
    """Recall@1 grows by a half."""
    lessons, fresh = taught(planted_evidence(300, classifier, 4)), planted_evidence(3_000, classifier, 5)
    assert figures(fused(lessons, fresh), fresh)[0] >= least_gain * figures(fresh.similarities, fresh)[0]


def test_scores_of_best_hits_are_probabilities_on_fresh_photos() -> None:
    """Of the hits that get about 0.3, about 30 % are right, and so on, with and without the prior."""
    lessons, fresh = taught(planted_evidence(800, "calibrated", 6)), planted_evidence(6_000, "calibrated", 7)
    for scores in (lessons.plain.log_odds(fresh), fused(lessons, fresh)):
        flat, right = scores.reshape(len(fresh), -1), fresh.right.reshape(len(fresh), -1)
        best = flat.argmax(axis=1)
        rows = np.arange(len(fresh))
        shares, hits = probability(flat[rows, best]), right[rows, best]
        for tenth in range(10):
            inside = (shares >= tenth / 10) & (shares < (tenth + 1) / 10)
            if inside.sum() >= 200:
                assert abs(shares[inside].mean() - hits[inside].mean()) < 0.1


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 1_000), photos=st.integers(30, 80), sharpness=st.floats(3, 2_000))
def test_scores_never_fall_with_the_similarity(seed: int, photos: int, sharpness: float) -> None:
    """In no shard, with no prior, however narrow the band of similarities is."""
    lessons = learn(planted_evidence(photos, "useful", seed, sharpness=sharpness))
    if lessons is None:  # so few photos may happen to show nothing
        return
    similarities = np.linspace(-1, 1, 50)
    for similarity_map in (*lessons.plain.maps, lessons.plain.baseline):
        odds = similarity_map.log_odds(similarities)
        assert (np.diff(odds) > 0).all()
        assert (np.diff(lessons.fused.fusion.fuse(odds, -3.0)) > 0).all()


def test_planted_parameters_come_back() -> None:
    """The prior counts as Bayes' rule says: a nat of it as much as a nat of the similarity's; and shards are alike."""
    lessons = taught(planted_evidence(1_500, "calibrated", 8, sharpness=20.0))
    fusion, plain = lessons.fused.fusion, lessons.plain.baseline
    assert fusion.evidence_weight * plain.slope / fusion.prior_weight == pytest.approx(20.0, rel=0.15)
    assert fusion.prior_floor <= 0.01
    assert np.ptp([shard.intercept for shard in lessons.plain.maps]) < 0.5


def test_shards_that_differ_are_levelled() -> None:
    """Where one shard's pictures are more similar to every photo, its map takes that off again."""
    evidence = planted_evidence(600, "useful", 9)
    lift = np.where(np.arange(8) == 3, 0.2, 0.0)[:, None]
    lifted = Evidence(evidence.similarities + lift, evidence.right, evidence.products, evidence.priors)
    lessons = taught(lifted)
    before, after = figures(lifted.similarities, lifted), figures(lessons.plain.log_odds(lifted), lifted)
    assert after[0] > 1.1 * before[0]
    offsets = [shard.intercept / shard.slope for shard in lessons.plain.maps]
    assert offsets[3] == pytest.approx(np.mean(offsets[:3]) - 0.2, abs=0.06)


def test_the_level_of_a_shard_is_what_it_is_to_photos_of_other_shards() -> None:
    """Its own photos do not count; neither do photos to which it had nothing to show."""
    similarities = np.array([[[0.5], [0.9]], [[0.4], [0.8]], [[0.7], [0.2]], [[0.1], [-np.inf]]])
    right = np.zeros(similarities.shape, np.bool_)
    right[[0, 1, 2], [1, 1, 0]] = True
    levels = impostor_levels(Evidence(similarities, right, ["p", "p", "q", "r"], np.full((4, 2), 0.5)))
    np.testing.assert_allclose(levels, [(0.5 + 0.4 + 0.1) / 3, 0.2])


def test_a_shard_that_saw_no_impostor_has_the_mean_level() -> None:
    """All photos are its own; and where no shard saw one, no level says anything."""
    right = np.zeros((2, 2, 1), np.bool_)
    right[:, 0] = True
    evidence = Evidence(np.array([[[0.9], [0.3]], [[0.8], [0.5]]]), right, ["p", "q"], np.full((2, 2), 0.5))
    np.testing.assert_allclose(impostor_levels(evidence), [0.4, 0.4])
    alone = Evidence(evidence.similarities[:, :1], right[:, :1], ["p", "q"], np.ones((2, 1)))
    np.testing.assert_array_equal(impostor_levels(alone), [0.0])


def test_too_few_photos_teach_nothing() -> None:
    """One below the limit, photos of unknown products not counted."""
    evidence = planted_evidence(LEAST_PHOTOS, "perfect", 10)
    assert learn(evidence) is not None
    unsold = evidence.right.copy()
    unsold[0] = False
    assert learn(Evidence(evidence.similarities, unsold, evidence.products, evidence.priors)) is None


def test_photos_of_one_product_teach_nothing() -> None:
    """What holds for it may hold for no other, and there is no other to try it on."""
    evidence = planted_evidence(LEAST_PHOTOS, "perfect", 14)
    assert learn(dataclasses.replace(evidence, products=["p"] * LEAST_PHOTOS)) is None
    assert learn(dataclasses.replace(evidence, products=["p", *["q"] * (LEAST_PHOTOS - 1)])) is not None


def test_similarities_that_say_nothing_teach_nothing() -> None:
    """When the right product is the less similar one, no score can be read as a probability."""
    evidence = planted_evidence(100, "perfect", 11)
    turned = np.sort(-evidence.similarities, axis=2)[:, :, ::-1]
    assert learn(Evidence(turned, evidence.right[:, :, ::-1], evidence.products, evidence.priors)) is None


def test_absent_candidates_change_nothing() -> None:
    """Shards with fewer products have -inf where others have hits."""
    evidence = planted_evidence(100, "useful", 12)
    padding = np.full((100, 8, 2), -np.inf)
    nothing = np.zeros(padding.shape, np.bool_)
    padded = Evidence(
        np.concatenate([evidence.similarities, padding], axis=2),
        np.concatenate([evidence.right, nothing], axis=2),
        evidence.products,
        evidence.priors,
    )
    assert learn(padded) == learn(evidence)


def test_the_threshold_tells_what_is_sold_from_what_is_not() -> None:
    """Right hits at 2 and wrong ones at 0: any threshold between does, and the least right one is taken."""
    right = np.zeros((30, 2, 2), np.bool_)
    right[:, 0, 0] = True
    scores = np.zeros(right.shape)
    scores[:, 0, 0] = 2.0 + np.linspace(0, 1, 30)
    evidence = Evidence(scores, right, ["p"] * 30, np.full((30, 2), 0.5))
    assert match_threshold(scores, evidence) == pytest.approx(float(probability(np.array(2.0))))


def test_photos_of_one_product_stay_together() -> None:
    """Folds are by product: what holds for known products only would look too good."""
    evidence = planted_evidence(200, "useful", 13)
    folds = evidence.folds(5, 1)
    by_product = {product: set(folds[[p == product for p in evidence.products]]) for product in evidence.products}
    assert all(len(inside) == 1 for inside in by_product.values())
    assert set(folds) == set(range(5))


def test_the_prior_counts_so_that_products_that_were_left_out_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the photos look like anything but their product; likelihood blames the prior for some of that."""

    def blurred(seed: int) -> Evidence:
        evidence = planted_evidence(300, "useful", seed, accuracy=0.95)
        similarities = evidence.similarities.copy()
        hopeless = np.random.default_rng(seed).random(len(evidence)) < 0.1
        similarities[hopeless] = -np.sort(-np.where(evidence.right, 0.2, similarities)[hopeless], axis=2)
        right = evidence.right.copy()
        right[hopeless] = np.sort(evidence.right[hopeless], axis=2)  # 0.2 is the least of all
        return Evidence(similarities, right, evidence.products, evidence.priors)

    def found(seed: int) -> float:
        others = blurred(seed + 100)
        scores = fused(taught(blurred(seed)), others)
        return float(reciprocal_ranks(scores, others.right, np.full(len(others), scores.shape[1], np.intp)).mean())

    by_rank = [found(seed) for seed in range(6)]
    monkeypatch.setattr(fitting, "_FACTORS", (1.0,))
    by_likelihood = [found(seed) for seed in range(6)]
    assert np.mean(by_rank) > np.mean(by_likelihood)
