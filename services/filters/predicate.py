"""Filters as trees of predicates on the attributes of a gallery image. Pure.

    Equals("colour", "red") & Range("price", at_least=10, below=50) & ~OneOf("brand", ("Acme", "Umbrella"))

`protos/aisle/filter/v1/filter.proto` says what each one means, also where an attribute is missing.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from numbers import Integral, Real
from typing import NamedTuple, TypeAlias

from services.common.errors import FilterInvalid

Value: TypeAlias = str | int | float
"""What attributes are compared with: text with text, numbers with numbers of either kind, exactly."""


class Predicate:
    """Holds for some gallery images; hashable, and combined by `&`, `|` and `~`."""

    __slots__ = ()

    def __and__(self, other: "Predicate") -> "AllOf":
        return AllOf((*_operands(self, AllOf), *_operands(other, AllOf)))

    def __or__(self, other: "Predicate") -> "AnyOf":
        return AnyOf((*_operands(self, AnyOf), *_operands(other, AnyOf)))

    def __invert__(self) -> "Not":
        return Not(self)


@dataclass(frozen=True, slots=True)
class Equals(Predicate):
    """The attribute has this value.

    Raises:
        FilterInvalid: it is neither text nor a number; so do the others that have values.
    """

    attribute: str
    value: Value

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", _plain(self.value, self.attribute))


@dataclass(frozen=True, slots=True)
class OneOf(Predicate):
    """The attribute has one of these values; any iterable of them but a text will do."""

    attribute: str
    values: tuple[Value, ...]

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not isinstance(self.values, Iterable):
            raise FilterInvalid(
                f"{self.attribute!r} is compared with several values, not with {self.values!r}; Equals takes one",
                field="filter",
            )
        object.__setattr__(self, "values", tuple(_plain(value, self.attribute) for value in self.values))


class Bound(NamedTuple):
    """An end of a range, and whether it belongs to it."""

    value: Value
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Range(Predicate):
    """The attribute lies between two bounds; what is None bounds nothing.

    Raises:
        FilterInvalid: two bounds on one side.
    """

    attribute: str
    at_least: Value | None = None
    above: Value | None = None
    at_most: Value | None = None
    below: Value | None = None

    def __post_init__(self) -> None:
        for inclusive, exclusive in (("at_least", "above"), ("at_most", "below")):
            if getattr(self, inclusive) is not None and getattr(self, exclusive) is not None:
                raise FilterInvalid(
                    f"the range of {self.attribute!r} has both {inclusive} and {exclusive}; give one of them",
                    field="filter",
                )
        for bound in ("at_least", "above", "at_most", "below"):
            if (value := getattr(self, bound)) is not None:
                object.__setattr__(self, bound, _plain(value, self.attribute))

    @property
    def lower(self) -> Bound | None:
        """The lower bound."""
        return _bound(self.at_least, self.above)

    @property
    def upper(self) -> Bound | None:
        """The upper bound."""
        return _bound(self.at_most, self.below)


@dataclass(frozen=True, slots=True)
class Present(Predicate):
    """The attribute is not missing."""

    attribute: str


@dataclass(frozen=True, slots=True)
class AllOf(Predicate):
    """Each of these holds."""

    predicates: tuple[Predicate, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "predicates", tuple(self.predicates))


@dataclass(frozen=True, slots=True)
class AnyOf(Predicate):
    """At least one of these holds."""

    predicates: tuple[Predicate, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "predicates", tuple(self.predicates))


@dataclass(frozen=True, slots=True)
class Not(Predicate):
    """This does not hold."""

    predicate: Predicate


Leaf: TypeAlias = Equals | OneOf | Range | Present
"""A predicate on one attribute."""

FIELDS: dict[type[Predicate], str] = {
    Equals: "equals",
    OneOf: "one_of",
    Range: "range",
    Present: "present",
    AllOf: "all_of",
    AnyOf: "any_of",
    Not: "negated",
}
"""What the proto calls each of them."""


class Node(NamedTuple):
    """A predicate of a tree, with the path of its field in the request and its level, from 1."""

    path: str
    level: int
    predicate: Predicate


def walk(predicate: Predicate, path: str = "filter", level: int = 1) -> Iterator[Node]:
    """Yield every predicate of a tree, each before those below it.

    Raises:
        FilterInvalid: something in it is no predicate.
    """
    if type(predicate) not in FIELDS:
        raise FilterInvalid(f"{type(predicate).__name__} is no predicate, such as Equals(attribute, value)", field=path)
    here = f"{path}.{FIELDS[type(predicate)]}"
    yield Node(here, level, predicate)
    if isinstance(predicate, AllOf | AnyOf):
        for place, each in enumerate(predicate.predicates):
            yield from walk(each, f"{here}.filters[{place}]", level + 1)
    elif isinstance(predicate, Not):
        yield from walk(predicate.predicate, here, level + 1)


def _operands(predicate: Predicate, kind: "type[AllOf | AnyOf]") -> tuple[Predicate, ...]:
    """Return what a chain of one operator combines so far: `a & b & c` is one level deep, not two."""
    return predicate.predicates if isinstance(predicate, kind) else (predicate,)


def _plain(value: object, attribute: str) -> Value:
    """Return a value as Python's own text or number, however it was made: numpy's integers are no `int`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if number == value or math.isnan(number):
            return number
    raise FilterInvalid(
        f"{attribute!r} is compared with text, whole numbers and floats, not with {value!r} of type "
        f"{type(value).__name__}",
        field="filter",
    )


def _bound(inclusive: Value | None, exclusive: Value | None) -> Bound | None:
    if inclusive is not None:
        return Bound(inclusive, inclusive=True)
    return None if exclusive is None else Bound(exclusive, inclusive=False)
