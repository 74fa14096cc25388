"""What is sent, and in which order. Pure."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

from services.client.types import Policy

T = TypeVar("T")


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


def interleave(queries: int, policies: Sequence[Policy], seed: int) -> list[tuple[int, tuple[Policy, ...]]]:
    """Return every photo once, in an order by lot, each with all policies in an order by lot.

    A machine is slow for seconds at a time; so every policy meets each slow spell, and none always goes first on a
    photo and warms the way for the others.
    """
    lot = Random(seed)  # noqa: S311 - a draw that can be repeated, no secret
    order = lot.sample(range(queries), queries)
    return [(number, tuple(lot.sample(policies, len(policies)))) for number in order]
