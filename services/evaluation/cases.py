"""Which photos a report shows, and why each answer is right or wrong. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from services.client.types import Policy
from services.evaluation.observation import Gallery, Observation, Query
from services.evaluation.quality import ByPolicy
from services.evaluation.schema import Case, CaseAnswer, CaseHit, Kind, Reason

SHOWN_HITS = 4
"""Hits of each answer that are shown."""

_SHOWN: Mapping[Kind, int] = {"gained": 6, "lost": 4, "both_right": 4, "both_wrong": 4}


@dataclass(frozen=True)
class Cases:
    """How many photos there are of each kind, and the chosen ones, kind by kind."""

    counts: dict[Kind, int]
    chosen: list[Case]


def choose_cases(queries: Sequence[Query], by_policy: ByPolicy, cascade: Policy, gallery: Gallery, seed: int) -> Cases:
    """Choose photos by lot, spread over the categories; no case is chosen for how it looks.

    Args:
        queries: what was asked.
        by_policy: what came back; the baseline must be among it.
        cascade: the policy to show beside the baseline.
        gallery: has a picture of the product wanted.
        seed: decides the lot.

    Photos without a product are no case, and neither are those that an error kept from being judged.
    """
    candidates: dict[Kind, list[Case]] = {kind: [] for kind in _SHOWN}
    for query, baseline, other in zip(queries, by_policy[Policy.BASELINE], by_policy[cascade], strict=True):
        if query.products and "error" not in {baseline.outcome, other.outcome}:
            case = _case(query, baseline, other, gallery)
            candidates[case.kind].append(case)
    lot = Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    return Cases(
        counts={kind: len(cases) for kind, cases in candidates.items()},
        chosen=[case for kind, count in _SHOWN.items() for case in _spread(candidates[kind], count, lot)],
    )


def _spread(cases: Sequence[Case], count: int, lot: Random) -> list[Case]:
    """Draw cases so that no category comes twice before all others came once."""
    drawn = lot.sample(cases, len(cases))
    times_seen: Counter[str] = Counter()
    turns = []
    for case in drawn:
        turns.append(times_seen[case.category])
        times_seen[case.category] += 1
    order = sorted(range(len(drawn)), key=lambda position: turns[position])
    return [drawn[position] for position in order[:count]]


def _case(query: Query, baseline: Observation, cascade: Observation, gallery: Gallery) -> Case:
    known = [product for product in query.products if product in gallery]
    product = (known or query.products)[0]
    category, probability = cascade.predicted or (None, None)
    return Case(
        kind=_kind(_rank(baseline) == 1, _rank(cascade) == 1),
        photo_path=query.photo_path,
        category=query.categories[0],
        predicted=category,
        probability=probability,
        product_id=product,
        product_image_path=gallery.get(product),
        answers=[_answer(query, baseline), _answer(query, cascade)],
    )


def _kind(baseline_right: bool, cascade_right: bool) -> Kind:  # noqa: FBT001 - a truth table of two
    if cascade_right:
        return "both_right" if baseline_right else "gained"
    return "lost" if baseline_right else "both_wrong"


def _answer(query: Query, seen: Observation) -> CaseAnswer:
    hits = [
        CaseHit(
            product_id=hit.product_id,
            category=hit.category,
            score=hit.score,
            image_path=hit.image_path,
            right=hit.product_id in query.products,
        )
        for hit in seen.hits
    ]
    return CaseAnswer(policy=seen.policy.value, rank=_rank(seen), reason=reason(query, seen), hits=hits)


def _rank(seen: Observation) -> int | None:
    return seen.ranks[0] if seen.ranks else None


def reason(query: Query, seen: Observation) -> Reason:
    """Return why the right product stands where it does, or is not in the answer at all."""
    if seen.ranks:
        return "first" if seen.ranks[0] == 1 else "ranked_below"
    right = {"", *query.categories}  # the baseline's shard, which holds every category, has the empty name
    if right.intersection(seen.searched):
        return "beyond_top_k"
    return "shard_missing" if right.intersection(seen.missing) else "not_routed"
