"""Which shards are searched for a photo: the routing policies. Pure.

TOP_1 is the published cascade. TOP_P takes the smallest set of categories that reaches a probability mass (as
nucleus sampling does: Holtzman et al., 2020). ADAPTIVE does what held-out photos taught the snapshot about the
classifier that serves: how far to search, when to search further, and how much the prior counts in the ranking.
"""

from collections.abc import Sequence

from services.common.errors import PolicyUnavailable
from services.gateway.answering.catalog import Catalog
from services.gateway.answering.plan import Plan, RankedShard, Scoring
from services.gateway.answering.query import Policy, Query
from services.relevance.waves import reach
from services.snapshot.manifest import FusionEntry


def plan_without_classifier(query: Query, catalog: Catalog) -> Plan | None:
    """Return the plan of a query that needs no classifier, None for all others.

    Raises:
        UnknownCategory: the caller names a category that the snapshot lacks.
        PolicyUnavailable: BASELINE was asked for and there is no baseline index.
    """
    if query.categories:
        return Plan(catalog.chosen(query.categories), catalog.plain_scoring)
    if query.policy is not Policy.BASELINE:
        return None
    if catalog.baseline is None:
        raise PolicyUnavailable(
            "this snapshot has no index over the whole gallery; build it with the baseline, or ask for ALL",
            field="routing.policy",
        )
    return Plan((catalog.baseline,), catalog.plain_scoring)


def plan_with_classifier(query: Query, catalog: Catalog, ranked: Sequence[RankedShard], top_p_mass: float) -> Plan:
    """Return the plan of a query that the classifier has a word in.

    Args:
        query: its policy and its mass, which replaces the defaults of TOP_P and of ADAPTIVE's first wave.
        catalog: what can be searched.
        ranked: every category's shard, likeliest first; empty when the classifier has nothing to say.
        top_p_mass: TOP_P's default, in (0, 1].
    """
    plain = catalog.plain_scoring
    if not ranked:
        return Plan(catalog.indifferent(), plain)
    match query.policy:
        case Policy.TOP_1:
            return Plan(tuple(ranked[:1]), _informed(catalog))
        case Policy.TOP_P:
            return Plan(smallest_set(ranked, query.probability_mass or top_p_mass), plain)
        case Policy.ADAPTIVE if catalog.fusion is not None:
            return _adaptive(query, catalog, ranked, catalog.fusion)
        case _:  # ALL; and ADAPTIVE with a classifier that nothing is known about, which then has no say
            return Plan(tuple(ranked), plain)


def smallest_set(shards: Sequence[RankedShard], mass: float) -> tuple[RankedShard, ...]:
    """Return the shortest prefix of `shards` (likeliest first) that holds at least `mass`; all when none does."""
    return tuple(shards[: reach([shard.probability for shard in shards], mass)])


def _adaptive(query: Query, catalog: Catalog, ranked: Sequence[RankedShard], learned: FusionEntry) -> Plan:
    first_mass = query.probability_mass or learned.waves.first_mass
    first = smallest_set(ranked, first_mass)
    both = smallest_set(ranked, max(first_mass, learned.waves.second_mass))
    return Plan(first, _informed(catalog), both[len(first) :], learned.waves.weak_below)


def _informed(catalog: Catalog) -> Scoring:
    """Return how hits are scored with the prior, as far as it is known what that is worth.

    In TOP_1's one shard the prior is the same for every hit: the order is the published method's, and the score tells
    how sure the classifier was, too.
    """
    learned = catalog.fusion
    if learned is None:
        return catalog.plain_scoring
    return Scoring(learned.match_threshold, learned.weights, len(catalog.shards))
