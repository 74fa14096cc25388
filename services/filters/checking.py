"""Whether a filter can be asked of a snapshot: what it names, compares and costs. Pure."""

import math
from collections.abc import Iterator, Mapping
from typing import Final

from services.common.errors import FilterInvalid
from services.filters.predicate import AllOf, AnyOf, Equals, Leaf, OneOf, Predicate, Range, Value, walk
from services.snapshot.manifest import AttributeType

MAX_LEVELS: Final = 8
MAX_LEAVES: Final = 32
"""Each is a pass over a column of the shard: 0.1 to 0.5 ms of one core for 62,500 rows."""
MAX_VALUES: Final = 1_000

_KEYS: Final[Mapping[str, AttributeType]] = {"category": "string", "image_id": "string", "product_id": "string"}


def askable(attributes: Mapping[str, AttributeType]) -> dict[str, AttributeType]:
    """Return what filters may ask about, by name: the catalogue's free attributes and the keys of every image."""
    return dict(sorted({**_KEYS, **attributes}.items()))


def shallow(predicate: Predicate) -> Iterator[tuple[str, Predicate]]:
    """Yield every predicate of a tree with its path, as `walk`, as long as it is not too deep: no stack ends there.

    Raises:
        FilterInvalid: it is; or something in it is no predicate.
    """
    for path, level, each in walk(predicate):
        if level > MAX_LEVELS:
            raise FilterInvalid(f"a filter has at most {MAX_LEVELS} levels", field=path)
        yield path, each


def check(predicate: Predicate, attributes: Mapping[str, AttributeType]) -> None:
    """Refuse a filter that can't be asked.

    Args:
        predicate: the filter.
        attributes: the free attributes of the snapshot's catalogue.

    Raises:
        FilterInvalid: an attribute that the snapshot lacks, a value of another type or that is not finite, a range that
            is empty or has no bounds, nothing to combine, or too much of anything; names the field and the attribute.
    """
    known = askable(attributes)
    leaves = values = 0
    for path, each in shallow(predicate):
        if isinstance(each, AllOf | AnyOf):
            if not each.predicates:
                raise FilterInvalid("there is nothing to combine; leave it out", field=f"{path}.filters")
        elif isinstance(each, Leaf):
            leaves += 1
            values += _check_leaf(each, path, known)
    if leaves > MAX_LEAVES:
        raise FilterInvalid(f"a filter has at most {MAX_LEAVES} predicates on attributes, not {leaves}", field="filter")
    if values > MAX_VALUES:
        raise FilterInvalid(f"a filter has at most {MAX_VALUES:,} values in `one_of`, not {values:,}", field="filter")


def _check_leaf(leaf: Leaf, path: str, known: Mapping[str, AttributeType]) -> int:
    """Check a predicate on one attribute, and return how many values it may have."""
    kind = known.get(leaf.attribute)
    if kind is None:
        raise FilterInvalid(
            f"this snapshot has no attribute {leaf.attribute!r}; it has {', '.join(known)}", field=f"{path}.attribute"
        )
    if isinstance(leaf, Equals):
        _check_value(leaf.value, leaf.attribute, kind, f"{path}.value")
    elif isinstance(leaf, OneOf):
        if not leaf.values:
            raise FilterInvalid(f"no value is given for {leaf.attribute!r}", field=f"{path}.values")
        for place, value in enumerate(leaf.values):
            _check_value(value, leaf.attribute, kind, f"{path}.values[{place}]")
        return len(leaf.values)
    elif isinstance(leaf, Range):
        _check_range(leaf, kind, path)
    return 0


def _check_range(leaf: Range, kind: AttributeType, path: str) -> None:
    for name in ("at_least", "above", "at_most", "below"):
        value: Value | None = getattr(leaf, name)
        if value is not None:
            _check_value(value, leaf.attribute, kind, f"{path}.{name}")
    lower, upper = leaf.lower, leaf.upper
    if lower is None and upper is None:
        raise FilterInvalid(
            f"the range of {leaf.attribute!r} has no bounds; whether there is any value, `present` asks", field=path
        )
    if lower is None or upper is None:
        return
    # Both are text, or both are numbers, which Python compares exactly.
    if lower.value > upper.value or (lower.value == upper.value and not (lower.inclusive and upper.inclusive)):  # type: ignore[operator]
        raise FilterInvalid(
            f"no {leaf.attribute!r} lies in this range: it ends at {upper.value!r} and begins at {lower.value!r}",
            field=path,
        )


def _check_value(value: Value, attribute: str, kind: AttributeType, path: str) -> None:
    if isinstance(value, str) != (kind == "string"):
        raise FilterInvalid(
            f"attribute {attribute!r} is of type {kind}; {value!r} can't be compared with it", field=path
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise FilterInvalid(
            f"{value} is no number to compare {attribute!r} with; leave a bound out instead", field=path
        )
