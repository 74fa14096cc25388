"""What is searched for a photo, in which waves, and how what is found is scored. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from services.gateway.answering.query import Verdict
from services.relevance.scoring import Floats, PriorFusion, SimilarityMap
from services.relevance.waves import reach


@dataclass(frozen=True, slots=True)
class RankedShard:
    """One shard that could be searched.

    Attributes:
        slug: the shard's name.
        category: the TLC that it holds; empty for the baseline index.
        probability: the mass that it stands for, in [0, 1].
        similarity_map: its map from similarity to log-odds.
    """

    slug: str
    category: str
    probability: float
    similarity_map: SimilarityMap


@dataclass(frozen=True, slots=True)
class Scoring:
    """How hits become comparable: by similarity alone, or fused with the classifier's prior.

    Attributes:
        match_threshold: the least probability of the best hit of a match; None when no photos taught one.
        fusion: how the prior counts; None for similarity alone.
        categories: how many categories the prior is spread over, at least 1.
    """

    match_threshold: float | None = None
    fusion: PriorFusion | None = None
    categories: int = 1

    def log_odds(self, shard: RankedShard, similarities: npt.NDArray[np.float32]) -> Floats:
        """Return the log-odds that each hit of a shard is the product in the photo.

        Args:
            shard: where the hits are from.
            similarities: inner products of unit vectors, `(n,)`.

        Returns:
            float64 `(n,)`, higher is better; within a shard their order is that of the similarities.
        """
        evidence = shard.similarity_map.log_odds(similarities)
        if self.fusion is None:
            return evidence
        return self.fusion.fuse(evidence, self.fusion.lift(np.array([shard.probability]), self.categories))

    def verdict(self, best_score: float | None) -> Verdict:
        """Return whether the best hit, given its probability (None for no hit), can be believed."""
        if self.match_threshold is None or best_score is None:
            return Verdict.UNKNOWN
        return Verdict.MATCH if best_score >= self.match_threshold else Verdict.NO_GOOD_MATCH


@dataclass(frozen=True, slots=True)
class Plan:
    """What is searched and how it is scored.

    Attributes:
        first: the shards of the first wave, likeliest first.
        scoring: how their hits become comparable.
        second: the shards of the second wave, less likely than the first's; empty when there is none.
        weak_below: a best probability below this makes the first wave weak.
    """

    first: tuple[RankedShard, ...]
    scoring: Scoring
    second: tuple[RankedShard, ...] = ()
    weak_below: float = 0.0

    def narrowed(self, share: float, minimum_coverage: float) -> "Plan":
        """Return the plan of one wave with the likeliest of the first wave's shards.

        Args:
            share: of the first wave's mass that they hold together, in (0, 1].
            minimum_coverage: mass that they hold at least, as far as the first wave has it.
        """
        probabilities = [shard.probability for shard in self.first]
        kept = reach(probabilities, max(share * sum(probabilities), minimum_coverage))
        return Plan(self.first[:kept], self.scoring)

    def continues(self, best_score: float | None) -> bool:
        """Whether the second wave is due, given the best probability of the first; None when it found nothing."""
        return bool(self.second) and (best_score is None or best_score < self.weak_below)
