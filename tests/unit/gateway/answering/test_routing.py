"""The routing policies, each against its definition."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import PolicyUnavailable, UnknownCategory
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.plan import Plan, RankedShard, Scoring
from services.gateway.answering.query import Policy, Query
from services.gateway.answering.routing import plan_with_classifier, plan_without_classifier, smallest_set
from services.relevance.scoring import UNFITTED
from services.relevance.waves import Waves
from tests.support.gateway import CATEGORIES, CLASSIFIER, WAVES, WEIGHTS, manifest_of, relevance_of

TOP_P_MASS = 0.9


def ranked(weights: Sequence[float]) -> tuple[RankedShard, ...]:
    """Shards whose probabilities are proportional to the weights, likeliest first."""
    total = sum(weights)
    return tuple(
        RankedShard(f"a{number}", f"A{number}", weight / total, UNFITTED)
        for number, weight in enumerate(sorted(weights, reverse=True))
    )


def catalog(*, waves: Waves | None = None, baseline: bool = False) -> Catalog:
    """A catalogue that has learned these waves about the classifier that serves; nothing at all when None."""
    relevance = None if waves is None else relevance_of(waves=waves)
    return Catalog.of(manifest_of(baseline=baseline, relevance=relevance), CLASSIFIER)


def plan(policy: Policy, shards: Sequence[RankedShard], known: Catalog, probability_mass: float | None = None) -> Plan:
    query = Query(image=b"", policy=policy, probability_mass=probability_mass)
    return plan_with_classifier(query, known, shards, TOP_P_MASS)


FITTED, UNKNOWN = catalog(waves=WAVES), catalog()
shard_lists = st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=8).map(ranked)
masses = st.floats(0.001, 1.0)


@st.composite
def any_waves(draw: st.DrawFn) -> Waves:
    first, second = sorted((draw(masses), draw(masses)))
    return Waves(first, draw(st.floats(0.0, 1.0)), second)


@given(shards=shard_lists, mass=masses)
def test_the_set_reaches_the_mass_and_no_smaller_one_does(shards: tuple[RankedShard, ...], mass: float) -> None:
    """Of all subsets, tried one by one, none with fewer categories holds the mass."""
    chosen = smallest_set(shards, mass)
    assert sum(shard.probability for shard in chosen) >= mass - 2e-6
    for fewer in combinations(shards, len(chosen) - 1):
        assert sum(shard.probability for shard in fewer) < mass


@given(shards=shard_lists, mass=masses)
def test_policies_nest(shards: tuple[RankedShard, ...], mass: float) -> None:
    """TOP_1 is in TOP_P, which is a prefix of ALL."""
    top_1, top_p = plan(Policy.TOP_1, shards, FITTED).first, plan(Policy.TOP_P, shards, FITTED, mass).first
    assert plan(Policy.ALL, shards, FITTED).first == shards
    assert top_1 == shards[:1]
    assert top_p[:1] == top_1
    assert top_p == shards[: len(top_p)]


@given(shards=shard_lists, low=masses, high=masses)
def test_more_mass_never_means_fewer_shards(shards: tuple[RankedShard, ...], low: float, high: float) -> None:
    """TOP_P grows with p."""
    low, high = min(low, high), max(low, high)
    assert len(smallest_set(shards, low)) <= len(smallest_set(shards, high))


def test_a_mass_of_one_is_everything() -> None:
    """Also the categories that the classifier does not know, which have no probability."""
    shards = (RankedShard("a", "A", 1.0, UNFITTED), RankedShard("never", "Never", 0.0, UNFITTED))
    assert smallest_set(shards, 1.0) == shards
    assert smallest_set(shards, 0.999) == shards[:1]


def test_rounding_costs_no_shard_more() -> None:
    """Nine times 0.1 adds up to less than 0.9; nine are enough all the same."""
    tenths = tuple(RankedShard(f"a{n}", f"A{n}", 0.1, UNFITTED) for n in range(10))
    assert smallest_set(tenths, 0.9) == tenths[:9]


def test_a_mass_that_nothing_reaches_takes_all() -> None:
    """Nothing is left out when the probabilities do not add up."""
    halves = (RankedShard("a", "A", 0.25, UNFITTED), RankedShard("b", "B", 0.25, UNFITTED))
    assert smallest_set(halves, 0.9) == halves


def test_top_p_has_the_gateway_s_mass_when_the_caller_names_none() -> None:
    """It is 0.9 here."""
    assert len(plan(Policy.TOP_P, ranked([0.91, 0.085, 0.005]), UNKNOWN).first) == 1
    assert len(plan(Policy.TOP_P, ranked([0.89, 0.105, 0.005]), UNKNOWN).first) == 2


@given(shards=shard_lists, waves=any_waves(), mass=st.none() | masses)
def test_adaptive_searches_as_far_as_was_learned(
    shards: tuple[RankedShard, ...], waves: Waves, mass: float | None
) -> None:
    """Both waves are prefixes: the first holds the learned mass or the caller's, both hold the second mass."""
    adaptive = plan(Policy.ADAPTIVE, shards, catalog(waves=waves), mass)
    assert adaptive.first == smallest_set(shards, mass or waves.first_mass)
    both = adaptive.first + adaptive.second
    assert both == smallest_set(shards, max(mass or 0.0, waves.first_mass if mass is None else 0.0, waves.second_mass))
    assert adaptive.weak_below == waves.weak_below


def test_adaptive_s_scores_are_fused_as_was_learned() -> None:
    """Its own weights and its own threshold, and the prior is spread over the snapshot's categories."""
    assert plan(Policy.ADAPTIVE, ranked([0.8, 0.2]), FITTED).scoring == Scoring(0.7, WEIGHTS, len(CATEGORIES))


def test_top_1_ranks_by_similarity_and_tells_how_sure_the_classifier_was() -> None:
    """One shard, as published: the prior moves all of its scores alike."""
    sure, unsure = (plan(Policy.TOP_1, ranked(weights), FITTED) for weights in ([0.9, 0.1], [0.6, 0.4]))
    similarities = np.array([0.8, 0.5, 0.1], np.float32)
    (high,), (low,) = ([side.scoring.log_odds(shard, similarities) for shard in side.first] for side in (sure, unsure))
    assert (np.diff(high) < 0).all()
    assert np.diff(high) == pytest.approx(np.diff(low))
    assert (high > low).all()
    assert plan(Policy.TOP_1, ranked([0.9, 0.1]), UNKNOWN).scoring == UNKNOWN.plain_scoring


@pytest.mark.parametrize("policy", [Policy.TOP_P, Policy.ALL])
def test_the_other_policies_rank_by_similarity_alone(policy: Policy) -> None:
    """In one wave."""
    routed = plan(policy, ranked([0.5, 0.3, 0.2]), FITTED)
    assert (routed.scoring, routed.second) == (Scoring(match_threshold=0.6), ())


@given(shards=shard_lists, mass=st.none() | masses)
def test_adaptive_without_learning_is_all(shards: tuple[RankedShard, ...], mass: float | None) -> None:
    """A classifier that nothing is known about has no say, whatever mass the caller names."""
    assert plan(Policy.ADAPTIVE, shards, UNKNOWN, mass) == plan(Policy.ALL, shards, UNKNOWN)


@pytest.mark.parametrize("policy", [Policy.TOP_1, Policy.TOP_P, Policy.ALL, Policy.ADAPTIVE])
def test_without_the_classifier_s_word_everything_is_searched(policy: Policy) -> None:
    """All categories alike, by similarity alone."""
    assert plan(policy, (), FITTED) == Plan(FITTED.indifferent(), Scoring(match_threshold=0.6))


@pytest.mark.parametrize("policy", [Policy.TOP_1, Policy.TOP_P, Policy.ALL, Policy.ADAPTIVE])
def test_these_policies_need_the_classifier(policy: Policy) -> None:
    """There is no plan before it has answered."""
    assert plan_without_classifier(Query(b"", policy=policy), FITTED) is None


def test_baseline_is_the_one_index() -> None:
    """No category's shard takes part."""
    known = catalog(waves=WAVES, baseline=True)
    assert known.baseline is not None
    expected = Plan((known.baseline,), Scoring(match_threshold=0.6))
    assert plan_without_classifier(Query(b"", policy=Policy.BASELINE), known) == expected


def test_the_caller_s_categories_override_the_policy() -> None:
    """Also ADAPTIVE's fusion: there is no prior to fuse."""
    asked = Query(b"", policy=Policy.ADAPTIVE, categories=("Shoes", "Bags"))
    assert plan_without_classifier(asked, FITTED) == Plan(FITTED.chosen(["Shoes", "Bags"]), Scoring(0.6))


def test_what_the_snapshot_lacks_is_refused() -> None:
    """BASELINE without its index, and a category that is not there; the error names the field."""
    with pytest.raises(PolicyUnavailable, match="ALL") as refused:
        plan_without_classifier(Query(b"", policy=Policy.BASELINE), FITTED)
    assert refused.value.field == "routing.policy"
    with pytest.raises(UnknownCategory):
        plan_without_classifier(Query(b"", categories=("Spoons",)), FITTED)
