"""How filters are said."""

import pytest

from services.common.errors import FilterInvalid
from services.filters.predicate import AllOf, AnyOf, Equals, Not, Range, walk

RED, BIG, CHEAP = Equals("colour", "red"), Equals("size", "XL"), Range("price", at_most=10)


def test_operators_combine_as_they_read() -> None:
    """A chain of one operator is one level, and what is inside another stays there."""
    combined = (RED & BIG & CHEAP, RED | (BIG | CHEAP), RED & (BIG | ~CHEAP))
    assert combined == (
        AllOf((RED, BIG, CHEAP)),
        AnyOf((RED, BIG, CHEAP)),
        AllOf((RED, AnyOf((BIG, Not(CHEAP))))),
    )


def test_equal_filters_are_one_key() -> None:
    """A searcher remembers what a filter passed."""
    assert len({RED & CHEAP, Equals("colour", "red") & Range("price", at_most=10), RED | CHEAP}) == 2


@pytest.mark.parametrize("bounds", [{"at_least": 0, "above": 0}, {"at_most": "b", "below": "c"}])
def test_a_range_has_one_bound_on_each_side(bounds: dict[str, int]) -> None:
    """Zero is a bound, too."""
    with pytest.raises(FilterInvalid, match="'price'"):
        Range("price", **bounds)


def test_every_predicate_has_the_path_of_its_field() -> None:
    """So that an error can name it as a request spells it."""
    walked = [(path, level) for path, level, _ in walk(RED & ~(BIG | CHEAP))]
    assert walked == [
        ("filter.all_of", 1),
        ("filter.all_of.filters[0].equals", 2),
        ("filter.all_of.filters[1].negated", 2),
        ("filter.all_of.filters[1].negated.any_of", 3),
        ("filter.all_of.filters[1].negated.any_of.filters[0].equals", 4),
        ("filter.all_of.filters[1].negated.any_of.filters[1].range", 4),
    ]
