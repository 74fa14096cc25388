"""Filters drawn by lot, and what they mean by the plainest means."""

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from services.filters.predicate import AllOf, AnyOf, Equals, Not, OneOf, Predicate, Present, Range, Value

TEXTS = ("", "a", "B", "red", "rouge", "ä", "\N{GRINNING FACE}", "\ufffd")
"""The last but one comes after the last: UTF-16 would order them the other way."""
INTEGERS = (-(2**63), -129, -128, -1, 0, 1, 2, 127, 255, 2**53, 2**53 + 1, 2**63 - 1025, 2**63 - 1)
FLOATS = (-1e300, -(2.0**63), -1.0, -0.5, -0.0, 0.1, 0.5, 1.0, 2.0, 2.0**53, 2.0**63, 2.0**64, 1e300, 5e-324)

NUMBERS = st.sampled_from((*INTEGERS, *FLOATS))


def predicates(values: Mapping[str, st.SearchStrategy[Value]]) -> st.SearchStrategy[Predicate]:
    """Draw filters.

    Args:
        values: per attribute what it may be compared with.
    """
    leaves = st.one_of([_leaves(attribute, of_it) for attribute, of_it in values.items()])

    def combined(below: st.SearchStrategy[Predicate]) -> st.SearchStrategy[Predicate]:
        several = st.lists(below, min_size=1, max_size=3).map(tuple)
        return st.one_of(several.map(AllOf), several.map(AnyOf), below.map(Not))

    return st.recursive(leaves, combined, max_leaves=5)


def holds(predicate: Predicate, image: Mapping[str, Value | None]) -> bool | None:
    """Return whether a filter holds for an image, None when nobody knows.

    Args:
        predicate: the filter.
        image: its attributes; None for one that is missing.
    """
    match predicate:
        case AllOf(several):
            return _all_hold([holds(each, image) for each in several])
        case AnyOf(several):
            # One holds unless all of them do not.
            return _opposite(_all_hold([_opposite(holds(each, image)) for each in several]))
        case Not(negated):
            return _opposite(holds(negated, image))
        case Equals(attribute) | OneOf(attribute) | Range(attribute) | Present(attribute):
            value = image[attribute]
            if isinstance(predicate, Present):
                return value is not None
            return None if value is None else _fits(predicate, value)
    raise AssertionError(predicate)


def _fits(wanted: Predicate, value: Value) -> bool:
    if isinstance(wanted, Equals):
        return value == wanted.value
    if isinstance(wanted, OneOf):
        return value in wanted.values
    assert isinstance(wanted, Range)
    bounds: Sequence[bool] = [
        wanted.at_least is None or value >= wanted.at_least,  # type: ignore[operator]
        wanted.above is None or value > wanted.above,  # type: ignore[operator]
        wanted.at_most is None or value <= wanted.at_most,  # type: ignore[operator]
        wanted.below is None or value < wanted.below,  # type: ignore[operator]
    ]
    return all(bounds)


def _all_hold(truths: Sequence[bool | None]) -> bool | None:
    if False in truths:
        return False
    return None if None in truths else True


def _opposite(truth: bool | None) -> bool | None:  # noqa: FBT001 - it is what is turned round
    return None if truth is None else not truth


def _leaves(attribute: str, values: st.SearchStrategy[Value]) -> st.SearchStrategy[Predicate]:
    several = st.lists(values, min_size=1, max_size=4).map(tuple)
    lower, upper = st.sampled_from(("at_least", "above")), st.sampled_from(("at_most", "below"))
    one_end = st.dictionaries(st.one_of(lower, upper), values, min_size=1, max_size=1)
    both_ends = st.tuples(lower, values, upper, values).map(lambda drawn: dict([drawn[:2], drawn[2:]]))
    return st.one_of(
        values.map(lambda value: Equals(attribute, value)),
        several.map(lambda drawn: OneOf(attribute, drawn)),
        st.one_of(one_end, both_ends).map(lambda bounds: Range(attribute, **bounds)),
        st.just(Present(attribute)),
    )
