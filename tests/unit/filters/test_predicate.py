"""How filters are said."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from services.common.errors import FilterInvalid
from services.filters.predicate import AllOf, AnyOf, Equals, Not, OneOf, Range, Value, walk

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


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (np.int64(2**53 + 1), 2**53 + 1),
        (np.uint8(7), 7),
        (np.float32(0.1), 0.10000000149011612),
        (np.float64(0.1), 0.1),
        (np.str_("red"), "red"),
        (Fraction(1, 4), 0.25),
        (math.inf, math.inf),
    ],
)
def test_numbers_of_other_libraries_are_taken_exactly(said: Value, meant: Value) -> None:
    """Wherever a value may stand; a whole number stays whole, however large it is."""
    said_so = (Equals("a", said), *OneOf("a", (said,)).values, Range("a", above=said).above)
    assert said_so == (Equals("a", meant), meant, meant)
    assert isinstance(Equals("a", said).value, type(meant))


@pytest.mark.parametrize("value", [None, ["red"], b"red", Decimal("0.1"), Fraction(1, 3), 1j])
def test_what_is_no_value_is_refused_by_its_type(value: Value) -> None:
    """Also what would be another number as a float."""
    for said in (lambda: Equals("colour", value), lambda: OneOf("colour", (value,))):
        with pytest.raises(FilterInvalid, match=f"'colour'.* of type {type(value).__name__}"):
            said()
    if value is not None:
        with pytest.raises(FilterInvalid, match="'colour'"):
            Range("colour", below=value)


def test_lists_will_do_where_several_are_said() -> None:
    """They become what can be a key."""
    assert OneOf("brand", ["a", "b"]) == OneOf("brand", ("a", "b"))  # type: ignore[arg-type]
    assert {AllOf([RED, BIG]), AnyOf([RED, BIG])} == {RED & BIG, RED | BIG}  # type: ignore[arg-type]


@pytest.mark.parametrize("values", ["red", 5])
def test_one_value_is_not_several(values: tuple[Value, ...]) -> None:
    """A text would be taken for its letters."""
    with pytest.raises(FilterInvalid, match=r"'colour'.*Equals"):
        OneOf("colour", values)


def test_what_is_no_predicate_is_refused_where_it_stands() -> None:
    """As `walk` finds it."""
    with pytest.raises(FilterInvalid, match="str is no predicate") as refused:
        list(walk(AllOf((RED, "colour=red"))))  # type: ignore[arg-type]
    assert refused.value.field == "filter.all_of.filters[1]"
