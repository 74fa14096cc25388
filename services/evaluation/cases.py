"""Which photos a report shows. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from services.client.types import Policy
from services.evaluation.losses import Reasons
from services.evaluation.observation import Gallery, Observation, Query
from services.evaluation.quality import ByPolicy
from services.evaluation.schema import Case, CaseAnswer, CaseHit, Kind, Reason

SHOWN_HITS = 4
"""Hits of each answer that are shown."""

_WORST = 8

_SHOWN: Mapping[Kind, int] = {"gained": 6, "lost": 4, "both_right": 4, "both_wrong": 4}


@dataclass(frozen=True)
class Cases:
    """How many photos there are of each kind, the chosen ones, kind by kind, and the worst ones."""

    counts: dict[Kind, int]
    chosen: list[Case]
    worst: list[Case]


def choose_cases(
    queries: Sequence[Query],
    by_policy: ByPolicy,
    cascade: Policy,
    *,
    gallery: Gallery,
    reasons: Reasons,
    seed: int,
) -> Cases:
    """Choose photos by lot, spread over the categories, and those where the cascade was surest of a wrong best hit.

    Args:
        queries: what was asked.
        by_policy: what came back; without the baseline there is no kind, and only the worst ones are chosen.
        cascade: the policy to show, beside the baseline.
        gallery: has a picture of the product wanted.
        reasons: why each product stands where it does.
        seed: decides the lot.

    Photos without a product are no case, and neither are those that an error kept from being judged.
    """
    shown = [policy for policy in (Policy.BASELINE, cascade) if policy in by_policy]
    cases: list[Case] = []
    for query, answers in zip(queries, zip(*(by_policy[policy] for policy in shown), strict=True), strict=True):
        if query.products and all(seen.outcome != "error" for seen in answers):
            cases.append(_case(query, answers, gallery, reasons))
    candidates: dict[Kind, list[Case]] = {kind: [] for kind in _SHOWN} if Policy.BASELINE in shown else {}
    for case in cases:
        if case.kind:
            candidates[case.kind].append(case)
    lot = Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    return Cases(
        counts={kind: len(members) for kind, members in candidates.items()},
        chosen=[case for kind, members in candidates.items() for case in _spread(members, _SHOWN[kind], lot)],
        worst=_worst(cases),
    )


def _worst(cases: Sequence[Case]) -> list[Case]:
    """Return those with the highest score of a wrong best hit in the cascade's answer, which is the last."""
    wrong = [case for case in cases if case.answers[-1].hits and not case.answers[-1].hits[0].right]
    return sorted(wrong, key=lambda case: -case.answers[-1].hits[0].score)[:_WORST]


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


def _case(query: Query, answers: Sequence[Observation], gallery: Gallery, reasons: Reasons) -> Case:
    known = [product for product in query.products if product in gallery]
    product = (known or query.products)[0]
    category, probability = answers[-1].predicted or (None, None)
    return Case(
        kind=_kind(*(_rank(seen) == 1 for seen in answers)) if len(answers) > 1 else None,
        photo_path=query.photo_path,
        category=query.categories[0],
        predicted=category,
        probability=probability,
        product_id=product,
        product_image_path=gallery.get(product),
        answers=[_answer(query, seen, reasons[seen.policy][seen.query]) for seen in answers],
    )


def _kind(baseline_right: bool, cascade_right: bool) -> Kind:  # noqa: FBT001 - a truth table of two
    if cascade_right:
        return "both_right" if baseline_right else "gained"
    return "lost" if baseline_right else "both_wrong"


def _answer(query: Query, seen: Observation, why: Reason) -> CaseAnswer:
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
    return CaseAnswer(policy=seen.policy.value, rank=_rank(seen), reason=why, hits=hits)


def _rank(seen: Observation) -> int | None:
    return seen.ranks[0] if seen.ranks else None
