"""All that held-out photos teach about scores and about one classifier, in one go. Pure."""

from dataclasses import dataclass

from services.relevance.evidence import Evidence
from services.relevance.fitting import FusedScores, PlainScores, fit_fused, fit_plain
from services.relevance.waves import EVERYWHERE, Waves, fit_waves


@dataclass(frozen=True, slots=True)
class Lessons:
    """What was learned.

    Attributes:
        photos: of products in the gallery, which it was learned from.
        plain: scores by similarity alone.
        fused: scores by similarity and the classifier's prior.
        waves: how many shards ADAPTIVE searches.
    """

    photos: int
    plain: PlainScores
    fused: FusedScores
    waves: Waves


def learn(evidence: Evidence) -> Lessons | None:
    """Fit scores, fusion and waves.

    Returns:
        None where the photos say too little: see `fit_plain`.

    A classifier whose prior does not help the ranking is not trusted to leave shards out either.
    """
    plain = fit_plain(evidence)
    if plain is None:
        return None
    fused = fit_fused(evidence, plain)
    helps = fused.fusion.prior_weight > 0
    waves = fit_waves(fused.log_odds(plain.log_odds(evidence), evidence.priors), evidence) if helps else EVERYWHERE
    return Lessons(int(evidence.answerable.sum()), plain, fused, waves)
