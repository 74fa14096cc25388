"""What a reader must know before believing a report's figures, or acting on them. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from services.client.types import Catalog, Policy
from services.evaluation.observation import Query
from services.evaluation.schema import BreakEven, Method, Notice, PolicyReport
from services.evaluation.words import count, percent

_NAMED = 5

_NOT_FITTED = (
    "The snapshot has learned nothing about the classifier that serves, so Adaptive searched every aisle; "
    "index with this classifier and with at least 30 held-out photos of products in the catalogue; aisle index says "
    "what it fitted, and why not."
)


@dataclass(frozen=True)
class Facts:
    """What notices are made from; `extra_errors` counts the failed searches that no policy is judged by."""

    queries: Sequence[Query]
    catalog: Catalog
    policies: Mapping[Policy, PolicyReport]
    break_even: BreakEven | None
    not_in_gallery: int
    method: Method
    extra_errors: int = 0


def notices(facts: Facts) -> list[Notice]:
    """Return what there is to say, the gravest first."""
    return [Notice(code=code, text=text) for code, text in _said(facts)]


def _said(facts: Facts) -> Iterator[tuple[str, str]]:
    even = facts.break_even
    if even and not even.top_1_pays:
        yield "CLASSIFIER_BELOW_BREAK_EVEN", _below_break_even(even)
    if Policy.ADAPTIVE in facts.policies and not facts.catalog.is_adaptive_fitted:
        yield "ADAPTIVE_NOT_FITTED", _NOT_FITTED
    if errors := sum(policy.errors for policy in facts.policies.values()):
        yield "ERRORS", f"Searches that ended with an error, and count as having found nothing: {count(errors)}."
    if partial := sum(policy.partial for policy in facts.policies.values()):
        yield "PARTIAL_ANSWERS", f"Partial answers, in which a shard did not answer: {count(partial)}."
    if facts.extra_errors:
        yield (
            "EXTRA_ERRORS",
            (
                "Searches for the oracle, the losses to the index or the price of safety that ended with an error, so "
                f"that these look worse than they are: {count(facts.extra_errors)}."
            ),
        )
    if not any(query.products for query in facts.queries):
        yield "NO_PRODUCTS", "No photo is labelled with a product: only categories and times can be judged."
    served = {each.category for each in facts.catalog.categories}
    yield from _unreachable(
        facts.queries,
        served,
        "CATEGORIES_NOT_SERVED",
        "of categories that the catalogue lacks, which no aisle can find",
    )
    unroutable = {each.category for each in facts.catalog.categories if not each.routable}
    yield from _unreachable(
        facts.queries,
        _known(facts.queries) - unroutable,
        "CATEGORIES_NOT_ROUTABLE",
        "of categories that the classifier does not know, which it can't send the right way",
    )
    if facts.not_in_gallery:
        yield (
            "NOT_IN_GALLERY",
            f"Photos of products that are not in the catalogue, which nothing can find: {count(facts.not_in_gallery)}.",
        )
    if facts.method.in_flight > 1:
        yield (
            "SEVERAL_IN_FLIGHT",
            f"Photos in flight at a time: {facts.method.in_flight}, so latencies include waiting for each other.",
        )


def _below_break_even(even: BreakEven) -> str:
    verdict = (
        "even a perfect classifier would lose against one index over everything"
        if even.accuracy > 1
        else f"searching its likeliest aisle alone pays from {percent(even.accuracy)} on"
    )
    return (
        f"The classifier is right for {percent(even.classifier_top1_accuracy)} of the photos that can be found; here "
        f"{verdict}. Do not use Top 1 here."
    )


def _known(queries: Sequence[Query]) -> set[str]:
    return {category for query in queries for category in query.categories}


def _unreachable(
    queries: Sequence[Query], reachable: Collection[str], code: str, words: str
) -> Iterator[tuple[str, str]]:
    lost = [query for query in queries if not any(category in reachable for category in query.categories)]
    if lost:
        names = sorted(_known(lost))
        listed = ", ".join(names[:_NAMED]) + (f" and {count(len(names) - _NAMED)} more" if len(names) > _NAMED else "")
        yield code, f"Photos {words}: {count(len(lost))} ({listed})."
