"""The conditions of `--where`: a simple form for what people ask most; programs have all predicates. Pure.

colour=red      the attribute has this value
brand!=Acme     it has another one
price=10..50    it lies between these, both included; `10..` and `..50` have one end
"""

from collections.abc import Mapping, Sequence

from services.client.types import AttributeType
from services.common.errors import FilterInvalid
from services.filters.predicate import AllOf, Equals, Predicate, Range, Value


def predicate_of(conditions: Sequence[str], attributes: Mapping[str, AttributeType]) -> Predicate:
    """Return the filter that conditions make, all of which have to hold; at least one is given.

    Args:
        conditions: as they were typed.
        attributes: the type of each attribute, which says whether `10` is a number.

    Raises:
        FilterInvalid: no condition, an attribute that does not exist, or no number where one is needed.
    """
    predicates = tuple(_predicate_of(condition, attributes) for condition in conditions)
    return predicates[0] if len(predicates) == 1 else AllOf(predicates)


def _predicate_of(condition: str, attributes: Mapping[str, AttributeType]) -> Predicate:
    name, separator, value = condition.partition("=")
    if not separator:
        raise FilterInvalid(
            f"{condition!r} is no condition; write NAME=VALUE, NAME!=VALUE or NAME=FROM..TO", field="where"
        )
    negated = name.endswith("!")
    attribute = name.removesuffix("!").strip()
    kind = attributes.get(attribute)
    if kind is None:
        raise FilterInvalid(f"there is no attribute {attribute!r}; there are {', '.join(attributes)}", field="where")
    first, dots, last = value.partition("..")
    predicate: Predicate
    if dots:
        ends = [_value(end, kind, condition) if end else None for end in (first.strip(), last.strip())]
        predicate = Range(attribute, at_least=ends[0], at_most=ends[1])
    else:
        predicate = Equals(attribute, _value(value.strip(), kind, condition))
    return ~predicate if negated else predicate


def _value(text: str, kind: AttributeType, condition: str) -> Value:
    """Return a value of the attribute's type; a fraction may be compared with whole numbers, too."""
    if kind not in {AttributeType.INTEGER, AttributeType.FLOAT}:
        return text
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        raise FilterInvalid(f"{condition!r}: {text!r} is not a number", field="where") from None
