"""What is sent in which order: fair to every policy, and repeatable."""

from collections import Counter

import pytest

from services.client.types import Policy
from services.evaluation.plan import choose, interleave

ALL = tuple(Policy)


def test_every_photo_meets_every_policy_once() -> None:
    """The order is by lot, what is sent is not."""
    turns = interleave(20, ALL, seed=1)
    assert sorted(number for number, _ in turns) == list(range(20))
    assert all(sorted(policies) == sorted(ALL) for _, policies in turns)


def test_no_policy_always_goes_first() -> None:
    """Over 500 photos each of five policies opens about a hundred."""
    first = Counter(policies[0] for _, policies in interleave(500, ALL, seed=1))
    assert min(first[policy] for policy in ALL) > 70


def test_the_seed_decides() -> None:
    """The same seed gives the same order, another one another."""
    assert interleave(20, ALL, seed=1) == interleave(20, ALL, seed=1)
    assert interleave(20, ALL, seed=1) != interleave(20, ALL, seed=2)


def test_a_limit_draws_by_lot_and_keeps_the_order() -> None:
    """The head of a sorted table would be one category only."""
    chosen = choose(range(100), 10, seed=1)
    assert len(set(chosen)) == 10
    assert chosen == sorted(chosen)
    assert chosen != list(range(10))
    assert choose(range(3), 10, seed=1) == choose(range(3), None, seed=1) == [0, 1, 2]


def test_a_limit_below_one_is_refused() -> None:
    """An evaluation of nothing has no figures."""
    with pytest.raises(ValueError, match="at least 1"):
        choose(range(3), 0, seed=1)
