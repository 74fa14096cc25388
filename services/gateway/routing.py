"""Which shards are searched for a photo: the routing policies. Pure.

TOP_1 is the published cascade. TOP_P takes the smallest set of categories that reaches a probability mass (as
nucleus sampling does: Holtzman et al., 2020). ADAPTIVE is TOP_P within a bounded fan-out, and lets the classifier's
prior take part in the ranking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.errors import PolicyUnavailable
from services.gateway.query import Policy
from services.snapshot.manifest import Calibration

# Sums of float32 probabilities miss 1 by rounding; without this a mass of 1.0 could never be reached.
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class RankedShard:
    """One shard that could be searched.

    Attributes:
        slug: the shard's name.
        category: the TLC that it holds; empty for the baseline index.
        probability: the mass that it stands for, in [0, 1].
        calibration: its map from similarity to score.
    """

    slug: str
    category: str
    probability: float
    calibration: Calibration


@dataclass(frozen=True, slots=True)
class RoutingRules:
    """The gateway's defaults; `config.py` says why they are what they are.

    Attributes:
        top_p_mass: TOP_P's probability mass when the caller names none.
        adaptive_mass: ADAPTIVE's probability mass when the caller names none.
        adaptive_fan_out: the most shards that ADAPTIVE searches.
        prior_weight: exponent of the classifier's probability in ADAPTIVE's score.
    """

    top_p_mass: float
    adaptive_mass: float
    adaptive_fan_out: int
    prior_weight: float


@dataclass(frozen=True, slots=True)
class Plan:
    """The shards to search, likeliest first, and how much the prior counts when their hits are merged."""

    shards: tuple[RankedShard, ...]
    prior_weight: float = 0.0


def route(
    policy: Policy,
    shards: Sequence[RankedShard],
    baseline: RankedShard | None,
    rules: RoutingRules,
    probability_mass: float | None = None,
) -> Plan:
    """Choose the shards to search.

    Args:
        policy: how to choose.
        shards: every category's shard, likeliest first.
        baseline: the index over the whole gallery; None when the snapshot lacks it.
        rules: the gateway's defaults.
        probability_mass: the caller's mass for TOP_P and ADAPTIVE, in (0, 1]; the rules' when None.

    Raises:
        PolicyUnavailable: BASELINE was asked for and there is no baseline index.
    """
    match policy:
        case Policy.TOP_1:
            return Plan(tuple(shards[:1]))
        case Policy.TOP_P:
            return Plan(smallest_set(shards, probability_mass or rules.top_p_mass))
        case Policy.ALL:
            return Plan(tuple(shards))
        case Policy.BASELINE:
            if baseline is None:
                raise PolicyUnavailable(
                    "this snapshot has no index over the whole gallery; build it with the baseline, or ask for ALL",
                    field="routing.policy",
                )
            return Plan((baseline,))
        case Policy.ADAPTIVE:
            likely = smallest_set(shards, probability_mass or rules.adaptive_mass)
            return Plan(likely[: rules.adaptive_fan_out], rules.prior_weight)


def smallest_set(shards: Sequence[RankedShard], mass: float) -> tuple[RankedShard, ...]:
    """Return the shortest prefix of `shards` (likeliest first) that holds at least `mass`; all when none does."""
    held = 0.0
    for count, shard in enumerate(shards, start=1):
        held += shard.probability
        if held >= mass - _ROUNDING:
            return tuple(shards[:count])
    return tuple(shards)
