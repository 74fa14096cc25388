"""What `--where` says."""

import pytest

from services.cli.conditions import predicate_of
from services.client.types import AttributeType
from services.common.errors import FilterInvalid
from services.filters.predicate import AllOf, Equals, Not, Predicate, Range

ATTRIBUTES = {
    "colour": AttributeType.STRING,
    "sold since": AttributeType.STRING,
    "size": AttributeType.INTEGER,
    "price": AttributeType.FLOAT,
}


@pytest.mark.parametrize(
    ("condition", "predicate"),
    [
        ("colour=red", Equals("colour", "red")),
        ("colour = dark = red ", Equals("colour", "dark = red")),
        ("colour=10", Equals("colour", "10")),
        ("colour=", Equals("colour", "")),
        ("colour!=red", Not(Equals("colour", "red"))),
        ("size=10", Equals("size", 10)),
        ("size=10.5", Equals("size", 10.5)),
        ("price=10", Equals("price", 10)),
        ("price=10..50", Range("price", at_least=10, at_most=50)),
        ("price=-1.5 .. 5e-1", Range("price", at_least=-1.5, at_most=0.5)),
        ("price=10..", Range("price", at_least=10)),
        ("price=..50", Range("price", at_most=50)),
        ("price!=10..50", Not(Range("price", at_least=10, at_most=50))),
        ("sold since=2026-01-01..2026-06-30", Range("sold since", at_least="2026-01-01", at_most="2026-06-30")),
    ],
)
def test_a_condition_is_read_by_the_attribute_s_type(condition: str, predicate: Predicate) -> None:
    """`10` is a number where the attribute is one; dates in ISO form are text that sorts."""
    read = predicate_of([condition], ATTRIBUTES)
    assert read == predicate
    if isinstance(read, Equals):
        assert type(read.value) is type(predicate.value)  # type: ignore[attr-defined]


def test_all_conditions_have_to_hold() -> None:
    """One after the other, as they were typed."""
    both = predicate_of(["colour=red", "price=..50"], ATTRIBUTES)
    assert both == AllOf((Equals("colour", "red"), Range("price", at_most=50)))


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("colour", "NAME=VALUE"),
        ("color=red", "'color'; there are colour, sold since, size, price"),
        ("=red", "''; there are"),
        ("size=large", "'large' is not a number"),
        ("price=1..x", "'x' is not a number"),
    ],
)
def test_what_is_no_condition_is_refused(condition: str, told: str) -> None:
    """The text shows how it is written, or what there is."""
    with pytest.raises(FilterInvalid, match=told):
        predicate_of([condition], ATTRIBUTES)
