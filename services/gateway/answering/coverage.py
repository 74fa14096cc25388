"""How complete an answer is: what became of each planned shard, weighed by the probability it stands for. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

# Probabilities and minima are float32 on the wire; without this a minimum of 1 would refuse complete answers.
_ROUNDING = 1e-6


class ShardState(Enum):
    """What became of a planned shard."""

    ANSWERED = "answered"
    HEDGED = "hedged"
    LATE = "late"
    FAILED = "failed"
    SKIPPED = "skipped"

    @property
    def answered(self) -> bool:
        """Whether its hits are in the answer; HEDGED are those of a second replica."""
        return self in {ShardState.ANSWERED, ShardState.HEDGED}


@dataclass(frozen=True, slots=True)
class ShardCoverage:
    """What became of one planned shard.

    Attributes:
        category: the TLC; empty for the baseline index.
        state: what became of it.
        probability: the mass that it stands for.
        latency_seconds: from asking it to its answer or to giving it up.
        detail: why it is missing, for people; empty when it answered.
        exhausted: whether it has no more products than it answered.
        wave: the wave that it was asked in, or would have been: 1 or 2.
    """

    category: str
    state: ShardState
    probability: float
    latency_seconds: float
    detail: str = ""
    exhausted: bool = False
    wave: int = 1


@dataclass(frozen=True, slots=True)
class Coverage:
    """How complete an answer is.

    Attributes:
        share: probability mass whose shards answered, in [0, 1].
        planned_share: probability mass that was planned, in [0, 1]; the two differ when something is missing.
        shards: one entry per planned shard, likeliest first.
    """

    share: float
    planned_share: float
    shards: tuple[ShardCoverage, ...]

    @property
    def partial(self) -> bool:
        """Whether anything planned is missing, however unlikely it was."""
        return any(not shard.state.answered for shard in self.shards)

    def reaches(self, minimum: float) -> bool:
        """Whether the share that answered is at least `minimum`, rounding apart."""
        return self.share >= minimum - _ROUNDING


def cover(shards: Sequence[ShardCoverage]) -> Coverage:
    """Sum up what became of the planned shards, given likeliest first."""
    planned = sum(shard.probability for shard in shards)
    answered = sum(shard.probability for shard in shards if shard.state.answered)
    return Coverage(share=min(1.0, answered), planned_share=min(1.0, planned), shards=tuple(shards))
