"""A filter arrives as it was said."""

import pytest
from aisle.filter.v1 import filter_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import FilterInvalid
from services.filters.checking import MAX_LEVELS
from services.filters.conversion import attribute_messages, message_from, predicate_from
from services.filters.predicate import FIELDS, Equals, Not, OneOf, Predicate, Value, walk
from tests.support.filters import FLOATS, INTEGERS, TEXTS, predicates

VALUES: dict[str, st.SearchStrategy[Value]] = {
    "colour": st.sampled_from((*TEXTS, *INTEGERS, *FLOATS)),
    "price": st.sampled_from((*TEXTS, *FLOATS)),
}


@given(predicates(VALUES))
def test_nothing_is_lost_on_the_way(predicate: Predicate) -> None:
    """Over the wire and back, to the type of each value."""
    arrived = predicate_from(pb.Filter.FromString(message_from(predicate).SerializeToString()))
    assert arrived == predicate
    assert {type(each) for _, _, each in walk(arrived)} == {type(each) for _, _, each in walk(predicate)}


def test_every_predicate_of_the_proto_is_ours() -> None:
    """One that the proto gains is missed here."""
    assert sorted(FIELDS.values()) == sorted(field.name for field in pb.Filter.DESCRIPTOR.fields)


def test_whole_numbers_stay_whole() -> None:
    """As a float the largest would be another number."""
    assert predicate_from(message_from(Equals("size", 2**63 - 1))) == Equals("size", 2**63 - 1)
    assert message_from(Equals("price", 0.5)).equals.value.WhichOneof("kind") == "float_value"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, "\ud800"])
def test_what_fits_no_message_is_refused(value: Value) -> None:
    """By name, not by an error of the message's."""
    with pytest.raises(FilterInvalid, match="fits no message"):
        message_from(Equals("size", value))


@pytest.mark.parametrize("levels", [MAX_LEVELS + 1, 120, 100_000])
def test_a_filter_that_is_too_deep_is_refused_before_it_is_built(levels: int) -> None:
    """No receiver could read a hundred levels as a message, and nobody could say why; a few more end Python's stack."""
    predicate: Predicate = Equals("colour", "red")
    for _ in range(levels - 1):
        predicate = ~predicate
    try:
        with pytest.raises(FilterInvalid, match=f"{MAX_LEVELS} levels"):
            message_from(predicate)
    finally:
        while isinstance(predicate, Not):  # level by level: freed at once, it would end the stack, too
            predicate = predicate.predicate


GOOD, BAD = pb.Filter(present=pb.Present(attribute="a")), pb.Filter()
VALUES_WITHOUT_ONE = [pb.Value(integer_value=0), pb.Value()]


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (BAD, "filter"),
        (pb.Filter(negated=BAD), "filter.negated"),
        (pb.Filter(equals=pb.Equals(attribute="a")), "filter.equals.value"),
        (pb.Filter(one_of=pb.OneOf(attribute="a", values=VALUES_WITHOUT_ONE)), "filter.one_of.values[1]"),
        (pb.Filter(range=pb.Range(attribute="a", below=pb.Value())), "filter.range.below"),
        (pb.Filter(any_of=pb.Filters(filters=[GOOD, BAD])), "filter.any_of.filters[1]"),
        (pb.Filter(all_of=pb.Filters(filters=[pb.Filter(negated=BAD)])), "filter.all_of.filters[0].negated"),
    ],
)
def test_what_is_missing_is_refused_by_field(message: pb.Filter, field: str) -> None:
    """So is what only a newer caller knows: here it looks the same."""
    with pytest.raises(FilterInvalid) as refused:
        predicate_from(message)
    assert refused.value.field == field


def test_a_huge_filter_is_refused_before_it_is_read() -> None:
    """Nobody waits while a message of megabytes is converted."""
    with pytest.raises(FilterInvalid, match="65,536 bytes") as refused:
        predicate_from(message_from(OneOf("colour", ("red",) * 10_000)))
    assert refused.value.field == "filter"


def test_every_type_has_its_wire_value() -> None:
    """Ours and the wire's names agree."""
    sent = attribute_messages({"a": "string", "b": "integer", "c": "float"})
    assert [(each.name, pb.AttributeType.Name(each.type)) for each in sent] == [
        ("a", "ATTRIBUTE_TYPE_STRING"),
        ("b", "ATTRIBUTE_TYPE_INTEGER"),
        ("c", "ATTRIBUTE_TYPE_FLOAT"),
    ]
