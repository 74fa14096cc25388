"""The routing policies, each against its definition."""

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import PolicyUnavailable
from services.gateway.query import Policy
from services.gateway.routing import Plan, RankedShard, RoutingRules, route, smallest_set
from services.snapshot.manifest import Calibration

CALIBRATION = Calibration(slope=0.5, intercept=0.5)
RULES = RoutingRules(top_p_mass=0.9, adaptive_mass=0.99, adaptive_fan_out=3, prior_weight=0.15)
BASELINE = RankedShard("_all", "", 1.0, CALIBRATION)


def ranked(weights: Sequence[float]) -> tuple[RankedShard, ...]:
    """Shards whose probabilities are proportional to the weights, likeliest first."""
    total = sum(weights)
    return tuple(
        RankedShard(f"a{number}", f"A{number}", weight / total, CALIBRATION)
        for number, weight in enumerate(sorted(weights, reverse=True))
    )


shards = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8).map(ranked)
masses = st.floats(0.001, 1.0)


@given(shards=shards, mass=masses)
def test_the_set_reaches_the_mass_and_no_smaller_one_does(shards: tuple[RankedShard, ...], mass: float) -> None:
    """Of all subsets, tried one by one, none with fewer categories holds the mass."""
    chosen = smallest_set(shards, mass)
    assert sum(shard.probability for shard in chosen) >= mass - 2e-6
    for fewer in combinations(shards, len(chosen) - 1):
        assert sum(shard.probability for shard in fewer) < mass


@given(shards=shards, mass=masses)
def test_policies_nest(shards: tuple[RankedShard, ...], mass: float) -> None:
    """TOP_1 is in TOP_P, TOP_P is a prefix of ALL, and ADAPTIVE is a prefix of TOP_P within its fan-out."""
    plans = {policy: route(policy, shards, BASELINE, RULES, mass).shards for policy in Policy}
    assert plans[Policy.ALL] == shards
    assert plans[Policy.TOP_1] == shards[:1]
    assert plans[Policy.TOP_P] == shards[: len(plans[Policy.TOP_P])]
    assert set(plans[Policy.TOP_1]) <= set(plans[Policy.TOP_P])
    assert plans[Policy.ADAPTIVE] == plans[Policy.TOP_P][: RULES.adaptive_fan_out]


@given(shards=shards, low=masses, high=masses)
def test_more_mass_never_means_fewer_shards(shards: tuple[RankedShard, ...], low: float, high: float) -> None:
    """TOP_P grows with p."""
    low, high = min(low, high), max(low, high)
    assert len(smallest_set(shards, low)) <= len(smallest_set(shards, high))


def test_a_mass_of_one_takes_everything_in_spite_of_rounding() -> None:
    """Ten times 0.1 adds up to less than 1; the set is still found, and it leaves out what stands for nothing."""
    tenths = tuple(RankedShard(f"a{n}", f"A{n}", 0.1, CALIBRATION) for n in range(10))
    assert smallest_set((*tenths, RankedShard("never", "Never", 0.0, CALIBRATION)), 1.0) == tenths


def test_a_mass_that_nothing_reaches_takes_all() -> None:
    """Nothing is left out when the probabilities do not add up."""
    halves = (RankedShard("a", "A", 0.25, CALIBRATION), RankedShard("b", "B", 0.25, CALIBRATION))
    assert smallest_set(halves, 0.9) == halves


def test_the_gateway_s_masses_apply_when_the_caller_names_none() -> None:
    """TOP_P has 0.9 and ADAPTIVE 0.99."""
    shards = (
        RankedShard("a", "A", 0.91, CALIBRATION),
        RankedShard("b", "B", 0.085, CALIBRATION),
        RankedShard("c", "C", 0.005, CALIBRATION),
    )
    assert len(route(Policy.TOP_P, shards, None, RULES).shards) == 1
    assert len(route(Policy.ADAPTIVE, shards, None, RULES).shards) == 2


def test_only_adaptive_lets_the_prior_count() -> None:
    """All other policies rank by similarity alone."""
    shards = ranked([1.0, 2.0])
    weights = {policy: route(policy, shards, BASELINE, RULES).prior_weight for policy in Policy}
    assert weights == {policy: 0.15 if policy is Policy.ADAPTIVE else 0.0 for policy in Policy}


def test_baseline_is_the_one_index() -> None:
    """No category's shard takes part."""
    assert route(Policy.BASELINE, ranked([1.0, 2.0]), BASELINE, RULES) == Plan((BASELINE,))


def test_baseline_without_its_index_is_refused() -> None:
    """The error names the field and what to do."""
    with pytest.raises(PolicyUnavailable, match="ALL") as refused:
        route(Policy.BASELINE, ranked([1.0]), None, RULES)
    assert refused.value.field == "routing.policy"
