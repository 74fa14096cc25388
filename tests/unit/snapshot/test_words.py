"""What was learned from held-out photos, in words."""

import pytest

from services.relevance.scoring import PriorFusion
from services.relevance.waves import EVERYWHERE, Waves
from services.snapshot.manifest import FusionEntry, Relevance
from services.snapshot.words import relevance_words

HELPS = PriorFusion(evidence_weight=2.0, prior_weight=0.62, prior_floor=0.01, bias=-1.0)
IDLE = PriorFusion(evidence_weight=1.0, prior_weight=0.0, prior_floor=1.0, bias=0.0)


def _words(weights: PriorFusion, waves: Waves) -> str:
    fusion = FusionEntry(classifier_sha256="ab" * 32, weights=weights, waves=waves, match_threshold=0.4)
    return relevance_words(Relevance(photos=1_296, match_threshold=0.5, fusion=fusion))


@pytest.mark.parametrize(
    ("weights", "waves", "rest"),
    [
        (IDLE, EVERYWHERE, "the classifier does not help on these photos; ADAPTIVE will search every shard"),
        (HELPS, EVERYWHERE, "ADAPTIVE searches every shard; the prior weighs 0.31"),
        (HELPS, Waves(0.95, 0.0, 0.95), "ADAPTIVE searches 95 % of the probability mass; the prior weighs 0.31"),
        (HELPS, Waves(0.9, 0.52, 0.999), "and 99.9 % when the best hit is less than 52 % sure; the prior weighs 0.31"),
        (HELPS, Waves(0.5, 0.2, 1.0), "and everything when the best hit is less than 20 % sure; the prior weighs 0.31"),
    ],
)
def test_what_was_learned_is_one_sentence(weights: PriorFusion, waves: Waves, rest: str) -> None:
    """With the number of photos, how far is searched, and what the prior weighs beside the similarity."""
    words = _words(weights, waves)
    assert words.startswith("scores fitted to 1,296 held-out photos: ")
    assert words.endswith(rest)


def test_a_snapshot_without_photos_says_so() -> None:
    """Its scores rank, and no more."""
    assert relevance_words(None) == "scores are not calibrated; ADAPTIVE will search every shard"
