"""Where an answer parts from the truth: routing, a missing shard, the index, or the ranking of what was found. Pure.

The truth is every shard, searched exactly, ranked by similarity alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.client.types import ProductHit, SearchResult


class Stage(StrEnum):
    """Where a product was lost."""

    ROUTING = "routing"
    """Its category was not searched."""
    MISSING = "missing shard"
    """Its category was to be searched, and did not answer."""
    INDEX = "index"
    """Its category was searched, and its approximate index did not find it."""
    RANKING = "fusion"
    """It was found, and others came before it: by the classifier's prior, or by what similarities are worth there."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A product among the best of the truth that is not where it should be.

    Attributes:
        product_id: the product.
        category: its category.
        true_place: its place in the truth, 1 for the best.
        place: its place in the answer; None when it is not among the best there.
        stage: where it was lost.
        why: in words.
    """

    product_id: str
    category: str
    true_place: int
    place: int | None
    stage: Stage
    why: str


def differences(answer: SearchResult, truth: SearchResult, alone: Mapping[str, SearchResult]) -> tuple[Difference, ...]:
    """Return the best products of the truth that the answer lacks, and its best one if it is not first there.

    Args:
        answer: what is explained.
        truth: every shard, exactly.
        alone: answers of one category each, as its index finds them; categories that are left out count as found.
    """
    places = {hit.product_id: place for place, hit in enumerate(answer.hits, start=1)}
    found = []
    for true_place, hit in enumerate(truth.hits, start=1):
        place = places.get(hit.product_id)
        if place is None or (true_place == 1 and place != 1):
            stage, why = _stage(hit, place, answer, alone.get(hit.category))
            found.append(Difference(hit.product_id, hit.category, true_place, place, stage, why))
    return tuple(found)


def _stage(hit: ProductHit, place: int | None, answer: SearchResult, alone: SearchResult | None) -> tuple[Stage, str]:
    shards = {shard.category: shard for shard in answer.coverage.shards}
    is_whole_gallery = "" in shards  # the baseline's one index
    if place is None and not is_whole_gallery:
        if hit.category not in shards:
            return Stage.ROUTING, f"{hit.category} was not searched{_probability(hit.category, answer)}"
        shard = shards[hit.category]
        if not shard.state.answered:
            return Stage.MISSING, f"{hit.category} was {shard.state}: {shard.detail}"
        if alone is not None and hit.product_id not in {each.product_id for each in alone.hits}:
            return Stage.INDEX, f"the index of {hit.category} does not find it; an exact search does"
    if place is None and is_whole_gallery and answer.coverage.partial:
        return Stage.MISSING, "the index over everything did not answer"
    first = answer.hits[0] if answer.hits else None
    if first is None:
        return Stage.INDEX, "nothing was found"
    return Stage.RANKING, (
        f"similarity {hit.similarity:.3f}, but {first.product_id} of {first.category} with {first.similarity:.3f} "
        f"comes first by its score of {first.score:.3f}"
    )


def _probability(category: str, answer: SearchResult) -> str:
    known = {each.category: each.probability for each in answer.categories}
    return f": the classifier gives it {known[category]:.1%}" if category in known else ""


def replayed_categories(answer: SearchResult, truth: SearchResult, most: int) -> tuple[str, ...]:
    """Return which categories to search alone: those of the best hits, then the likeliest; at most so many."""
    wanted = [hit.category for hit in (*truth.hits, *answer.hits)]
    wanted += [each.category for each in answer.categories]
    return tuple(dict.fromkeys(wanted))[:most]
