"""Between `aisle.filter.v1` messages and predicates; nothing else knows the messages' fields."""

from collections import deque
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from aisle.filter.v1 import filter_pb2 as pb

from services.common.errors import FilterInvalid
from services.filters.checking import shallow
from services.filters.predicate import (
    AllOf,
    AnyOf,
    Equals,
    Not,
    OneOf,
    Predicate,
    Present,
    Range,
    Value,
)
from services.snapshot.manifest import AttributeType

_MAX_BYTES: Final = 65_536
"""Of a message: nobody should wait while one is converted."""
_MESSAGES_KEPT: Final = 16
_BOUNDS: Final = ("at_least", "above", "at_most", "below")
_TYPES: Final[Mapping[AttributeType, pb.AttributeType]] = {
    "string": pb.ATTRIBUTE_TYPE_STRING,
    "integer": pb.ATTRIBUTE_TYPE_INTEGER,
    "float": pb.ATTRIBUTE_TYPE_FLOAT,
}


def predicate_from(message: pb.Filter) -> Predicate:
    """Convert a filter; whether it fits a snapshot is for `services.filters.checking` to say.

    Raises:
        FilterInvalid: a predicate or a value is missing, or the message is too large; names the field.
    """
    if message.ByteSize() > _MAX_BYTES:
        raise FilterInvalid(f"a filter has at most {_MAX_BYTES:,} bytes, not {message.ByteSize():,}", field="filter")
    return _predicate(message, "filter")


def message_from(predicate: Predicate) -> pb.Filter:
    """Convert a predicate. The message is kept, for every shard is asked with it: nobody may change it.

    Raises:
        FilterInvalid: it is deeper than may be asked, something in it is no predicate, or a value fits no message.
    """
    deque(shallow(predicate), maxlen=0)  # before anything that goes down as deep: to look it up does
    return _kept_message(predicate)


def attribute_messages(attributes: Mapping[str, AttributeType]) -> list[pb.Attribute]:
    """Convert what filters may ask about."""
    return [pb.Attribute(name=name, type=_TYPES[kind]) for name, kind in attributes.items()]


@lru_cache(maxsize=_MESSAGES_KEPT)
def _kept_message(predicate: Predicate) -> pb.Filter:
    return _message(predicate)


def _message(predicate: Predicate) -> pb.Filter:
    match predicate:
        case Equals(attribute, value):
            return pb.Filter(equals=pb.Equals(attribute=attribute, value=_message_of(value)))
        case OneOf(attribute, values):
            return pb.Filter(one_of=pb.OneOf(attribute=attribute, values=[_message_of(value) for value in values]))
        case Range(attribute):
            given = {bound: getattr(predicate, bound) for bound in _BOUNDS if getattr(predicate, bound) is not None}
            bounds = {bound: _message_of(value) for bound, value in given.items()}
            return pb.Filter(range=pb.Range(attribute=attribute, **bounds))
        case Present(attribute):
            return pb.Filter(present=pb.Present(attribute=attribute))
        case AllOf(predicates) | AnyOf(predicates):
            several = pb.Filters(filters=[_message(each) for each in predicates])
            return pb.Filter(all_of=several) if isinstance(predicate, AllOf) else pb.Filter(any_of=several)
        case Not(negated):
            return pb.Filter(negated=_message(negated))
    raise TypeError(f"{type(predicate).__name__} is no predicate")


def _predicate(message: pb.Filter, path: str) -> Predicate:
    kind = message.WhichOneof("predicate")
    if kind is None:
        raise FilterInvalid("the filter holds no predicate that this release knows", field=path)
    path = f"{path}.{kind}"
    match kind:
        case "equals":
            return Equals(message.equals.attribute, _value(message.equals.value, f"{path}.value"))
        case "one_of":
            values = enumerate(message.one_of.values)
            return OneOf(
                message.one_of.attribute, tuple(_value(value, f"{path}.values[{place}]") for place, value in values)
            )
        case "range":
            given = [bound for bound in _BOUNDS if message.range.HasField(bound)]
            bounds = {bound: _value(getattr(message.range, bound), f"{path}.{bound}") for bound in given}
            return Range(message.range.attribute, **bounds)
        case "present":
            return Present(message.present.attribute)
        case "negated":
            return Not(_predicate(message.negated, path))
    several = enumerate(getattr(message, kind).filters)
    predicates = tuple(_predicate(each, f"{path}.filters[{place}]") for place, each in several)
    return AllOf(predicates) if kind == "all_of" else AnyOf(predicates)


def _value(message: pb.Value, path: str) -> Value:
    kind = message.WhichOneof("kind")
    if kind is None:
        raise FilterInvalid("the value is missing", field=path)
    value: Value = getattr(message, kind)
    return value


def _message_of(value: Value) -> pb.Value:
    try:
        match value:
            case str():
                return pb.Value(string_value=value)
            case int():
                return pb.Value(integer_value=value)
            case _:
                return pb.Value(float_value=value)
    except ValueError:
        raise FilterInvalid(
            f"{value!r} fits no message: whole numbers have 64 bits, and texts are of Unicode's characters",
            field="filter",
        ) from None
