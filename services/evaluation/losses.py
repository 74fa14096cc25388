"""What became of each photo's product: found, or where it was lost. Pure."""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence

from services.client.types import Policy
from services.evaluation.observation import Observation, Query
from services.evaluation.quality import ByPolicy
from services.evaluation.schema import Losses, Reason

LOSS_RANKS = (1, 5, 10)
"""Where the photos are counted."""

FoundExactly = Collection[tuple[int, Policy]]
"""The photos, by position, and policies for which the same search without indexes has the product in its answer."""

Reasons = Mapping[Policy, Mapping[int, Reason]]
"""By policy and position of the photo; photos without a product have none."""


def reason(query: Query, seen: Observation, gallery: Container[str], *, exact_finds_it: bool = False) -> Reason:
    """Return why the right product stands where it does, or is not in the answer at all.

    Args:
        query: what was asked, with a product.
        seen: what came back.
        gallery: the products of the catalogue.
        exact_finds_it: whether the same search without indexes has the product in its answer.
    """
    if seen.ranks:
        return "first" if seen.ranks[0] == 1 else "ranked_below"
    if not any(product in gallery for product in query.products):
        return "not_in_gallery"
    if seen.outcome == "error":
        return "failed"
    right = {"", *query.categories}  # the baseline's shard, which holds every category, has the empty name
    if right.intersection(seen.searched):
        return "index_missed" if exact_finds_it else "beyond_top_k"
    return "shard_missing" if right.intersection(seen.missing) else "not_routed"


def unexplained(
    queries: Sequence[Query], observations: Iterable[Observation], gallery: Container[str]
) -> list[Observation]:
    """Return the answers of which only an exact search tells whether the index missed the product."""
    return [
        seen
        for seen in observations
        if queries[seen.query].products and reason(queries[seen.query], seen, gallery) == "beyond_top_k"
    ]


def reasons(queries: Sequence[Query], by_policy: ByPolicy, gallery: Container[str], exactly: FoundExactly) -> Reasons:
    """Return why each photo's product stands where it does, under every policy."""
    return {
        policy: {
            seen.query: reason(queries[seen.query], seen, gallery, exact_finds_it=(seen.query, seen.policy) in exactly)
            for seen in observations
            if queries[seen.query].products
        }
        for policy, observations in by_policy.items()
    }


def losses(observations: Iterable[Observation], whys: Mapping[int, Reason]) -> list[Losses]:
    """Return shares of photos by what became of their product, among the first 1, 5 and 10 hits.

    Args:
        observations: of one policy.
        whys: the reason of each photo with a product.
    """
    judged = [(seen.ranks, whys[seen.query]) for seen in observations if seen.query in whys]
    return [_losses(judged, k) for k in LOSS_RANKS] if judged else []


def _losses(judged: Sequence[tuple[Sequence[int], Reason]], k: int) -> Losses:
    fates = Counter(_fate(ranks, why, k) for ranks, why in judged)
    shares = {name: fates[name] / len(judged) for name in Losses.model_fields if name != "k"}
    return Losses(k=k, **shares)


def _fate(ranks: Sequence[int], why: Reason, k: int) -> str:
    if ranks:
        return "found" if ranks[0] <= k else "ranked_below"
    return "ranked_below" if why == "beyond_top_k" else why
