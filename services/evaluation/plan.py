"""What is sent, and in which order. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from services.client.types import Policy
from services.evaluation.observation import Observation, Query, Way

T = TypeVar("T")

Turn = tuple[int, tuple[Way, ...]]
"""The position of a photo among the queries, and the ways to search it, in order."""

PROBABILITY_MASSES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
"""TOP_P's, from little effort to all there is."""


def choose(queries: Sequence[T], limit: int | None, seed: int) -> list[T]:
    """Return at most `limit` of the queries, drawn by lot, in their own order.

    Raises:
        ValueError: the limit is below 1.
    """
    if limit is None or limit >= len(queries):
        return list(queries)
    if limit < 1:
        raise ValueError(f"the limit must be at least 1, not {limit}")
    lot = Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    return [queries[number] for number in sorted(lot.sample(range(len(queries)), limit))]


def interleave(queries: int, ways: Sequence[Way], seed: int) -> list[Turn]:
    """Return every photo once, in an order by lot, each with all ways in an order by lot.

    A machine is slow for seconds at a time; so every way meets each slow spell, and none always goes first on a
    photo and paves the path for the others.
    """
    lot = Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    order = lot.sample(range(queries), queries)
    return [(number, tuple(lot.sample(ways, len(ways)))) for number in order]


def oracle_turns(queries: Sequence[Query], served: Collection[str]) -> list[Turn]:
    """Return a search of each photo in its right categories; photos whose categories nobody serves are left out."""
    known = (
        (number, tuple(each for each in query.categories if each in served)) for number, query in enumerate(queries)
    )
    return [(number, (Way(Policy.TOP_1, categories=categories),)) for number, categories in known if categories]


def index_turns(unexplained: Iterable[Observation]) -> list[Turn]:
    """Return the same searches once more without the shards' indexes.

    Args:
        unexplained: answers that lack the product although its shard was searched: too many others look more alike,
            or the index missed it. Only comparing with every picture can tell.
    """
    return [(seen.query, (replace(seen.way, exact=True),)) for seen in unexplained]


def curve_turns(queries: Sequence[Query], photos: int, seed: int) -> list[Turn]:
    """Return TOP_P searches over its whole range, of photos with a product, at most so many, drawn by lot."""
    judged = [number for number, query in enumerate(queries) if query.products]
    ways = tuple(Way(Policy.TOP_P, probability_mass=mass) for mass in PROBABILITY_MASSES)
    return [(number, ways) for number in choose(judged, photos, seed)] if photos else []
