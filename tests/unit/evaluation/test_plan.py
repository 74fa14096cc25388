"""What is sent in which order: fair to every policy, and repeatable."""

from collections import Counter

import pytest

from services.client.types import Policy
from services.evaluation.observation import Query, Way
from services.evaluation.plan import PROBABILITY_MASSES, choose, curve_turns, index_turns, interleave, oracle_turns
from tests.support.shoppers import query, seen

ALL = tuple(Way(policy) for policy in Policy)


def test_every_photo_is_searched_every_way_once() -> None:
    """The order is by lot, what is sent is not."""
    turns = interleave(20, ALL, seed=1)
    assert sorted(number for number, _ in turns) == list(range(20))
    assert all(Counter(ways) == Counter(ALL) for _, ways in turns)


def test_no_policy_always_goes_first() -> None:
    """Over 500 photos each of five policies opens about a hundred."""
    first = Counter(ways[0] for _, ways in interleave(500, ALL, seed=1))
    assert min(first[way] for way in ALL) > 70


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


def test_the_oracle_asks_for_the_right_categories_that_are_served() -> None:
    """A gateway refuses a search for a category that it lacks, so that photo is not sent at all."""
    queries = [query(0), query(1, category="Unheard of"), Query("2.jpg", (), ("Unheard of", "Bag"))]
    assert oracle_turns(queries, {"Shoe", "Bag"}) == [
        (0, (Way(Policy.TOP_1, categories=("Shoe",)),)),
        (2, (Way(Policy.TOP_1, categories=("Bag",)),)),
    ]


def test_the_index_is_asked_about_by_the_very_same_search() -> None:
    """Only exactly: another policy's shards would answer another question."""
    assert index_turns([seen(3, Policy.ALL)]) == [(3, (Way(Policy.ALL, exact=True),))]


def test_the_curve_is_drawn_from_photos_with_a_product() -> None:
    """Others have no recall; no more of them than were asked for, and none at all when it is left out."""
    queries = [query(number, "shoe-1" if number % 2 else "") for number in range(40)]
    turns = curve_turns(queries, 5, seed=1)
    assert len(turns) == 5
    assert all(number % 2 for number, _ in turns)
    assert {tuple(way.probability_mass for way in ways) for _, ways in turns} == {PROBABILITY_MASSES}
    assert turns == curve_turns(queries, 5, seed=1)
    assert curve_turns(queries, 0, seed=1) == []
    assert len(curve_turns(queries, 200, seed=1)) == 20
