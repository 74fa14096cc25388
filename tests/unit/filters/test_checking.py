"""A filter that can't be asked is refused by field and attribute."""

import math

import pytest

from services.common.errors import FilterInvalid
from services.filters.checking import MAX_LEAVES, MAX_LEVELS, MAX_VALUES, askable, check
from services.filters.predicate import AllOf, AnyOf, Equals, OneOf, Predicate, Present, Range
from services.snapshot.manifest import AttributeType

ATTRIBUTES: dict[str, AttributeType] = {"colour": "string", "size": "integer", "price": "float"}
RED = Equals("colour", "red")


def nested(levels: int) -> Predicate:
    predicate: Predicate = RED
    for _ in range(levels - 1):
        predicate = ~predicate
    return predicate


@pytest.mark.parametrize(
    "predicate",
    [
        RED,
        Equals("size", 1.5),
        Equals("price", 2),
        OneOf("product_id", ("p1", "p2")),
        Equals("category", "Shoes") & Present("image_id"),
        Range("colour", at_least="a", below="b"),
        Range("size", at_least=1, at_most=1),
        Range("size", above=0.5, below=1),
        Range("price", at_least=-(2**63), at_most=2**63 - 1),
        Range("price", above=2**53, at_most=2**53 + 1),
        nested(MAX_LEVELS),
        AnyOf((RED,) * MAX_LEAVES),
        OneOf("size", tuple(range(MAX_VALUES))),
    ],
)
def test_what_fits_passes(predicate: Predicate) -> None:
    """Any number may be asked of any attribute of numbers; the limits themselves are allowed."""
    check(predicate, ATTRIBUTES)


@pytest.mark.parametrize(
    ("predicate", "field", "told"),
    [
        (
            Equals("color", "red"),
            "filter.equals.attribute",
            "'color'.*category, colour, image_id, price, product_id, size",
        ),
        (Equals("image_path", "a.jpg"), "filter.equals.attribute", "'image_path'"),
        (~Equals("colour", 5), "filter.negated.equals.value", "'colour' is of type string; 5 "),
        (Equals("size", "5"), "filter.equals.value", "'size' is of type integer; '5' "),
        (RED & OneOf("price", (1, "x")), "filter.all_of.filters[1].one_of.values[1]", "'price' is of type float; 'x' "),
        (Equals("price", math.nan), "filter.equals.value", "nan.*'price'"),
        (Range("price", at_least=math.nan), "filter.range.at_least", "nan.*'price'"),
        (Range("price", below=math.inf), "filter.range.below", "inf.*leave a bound out"),
        (Range("price", at_most="x"), "filter.range.at_most", "'x' can't be compared"),
        (Range("price", above="x"), "filter.range.above", "'x' can't be compared"),
        (Range("price"), "filter.range", "'price' has no bounds"),
        (Range("price", at_least=2, at_most=1), "filter.range", "no 'price'.* ends at 1 and begins at 2"),
        (Range("price", above=1, at_most=1), "filter.range", "no 'price'"),
        (Range("price", at_least=1, below=1.0), "filter.range", "no 'price'"),
        (Range("price", at_least=2**53 + 1, at_most=2.0**53), "filter.range", "no 'price'"),
        (Range("colour", at_least="b", at_most="a"), "filter.range", "no 'colour'"),
        (OneOf("size", ()), "filter.one_of.values", "no value"),
        (AllOf(()), "filter.all_of.filters", "nothing"),
        (RED | AnyOf(()) | RED & AnyOf(()), "filter.any_of.filters[1].all_of.filters[1].any_of.filters", "nothing"),
        (nested(MAX_LEVELS + 1), "filter" + ".negated" * MAX_LEVELS + ".equals", "levels"),
        (AnyOf((RED,) * (MAX_LEAVES + 1)), "filter", f"at most {MAX_LEAVES} predicates"),
        (AnyOf((OneOf("size", tuple(range(MAX_VALUES))), OneOf("size", (1,)))), "filter", "1,000 values.*1,001"),
    ],
)
def test_what_does_not_fit_is_refused_by_field(predicate: Predicate, field: str, told: str) -> None:
    """The field as the request spells it; the text names the attribute, and what there is instead."""
    with pytest.raises(FilterInvalid, match=told) as refused:
        check(predicate, ATTRIBUTES)
    assert refused.value.field == field


def test_the_keys_of_an_image_may_be_asked_for() -> None:
    """Beside the free attributes, by name, so that a list of them always looks alike."""
    assert list(askable(ATTRIBUTES)) == ["category", "colour", "image_id", "price", "product_id", "size"]
