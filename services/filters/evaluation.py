"""Which rows of an item table a filter passes.

What is not known is null: null and false is false, null or true is true, not null is null (Kleene's logic, as in SQL).
Numbers are compared exactly. Arrow would compare an integer and a float as floats, where 2^53 + 1 equals 2^53; so what
a column is compared with is first brought to the column's own type, without changing for which of its values it holds.
"""

import math
from collections.abc import Iterable
from functools import reduce
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from services.filters.predicate import AllOf, AnyOf, Bound, Equals, Not, OneOf, Predicate, Present, Range, Value

_NO_SIGN: Final = 0.0
"""Added to minus zero it gives zero: Arrow's sets tell the two apart."""


def passing_rows(predicate: Predicate, table: pa.Table) -> NDArray[np.bool_]:
    """Return for which rows a filter holds, bool `(rows,)`; what is not known does not pass.

    Args:
        predicate: a filter that was checked against the table's attributes.
        table: its columns are strings, integers and floats.
    """
    passes: NDArray[np.bool_] = pc.fill_null(_truth(predicate, table), fill_value=False).to_numpy()
    return passes


def _truth(predicate: Predicate, table: pa.Table) -> pa.ChunkedArray:
    """Return for each row whether the predicate holds; null where nobody knows."""
    match predicate:
        case AllOf(predicates) | AnyOf(predicates):
            combine = pc.and_kleene if isinstance(predicate, AllOf) else pc.or_kleene
            return reduce(combine, (_truth(each, table) for each in predicates))
        case Not(negated):
            return pc.invert(_truth(negated, table))
        case Present(attribute):
            return pc.is_valid(_column(table, attribute))
        case Equals(attribute, value):
            return _is_one_of(_column(table, attribute), (value,))
        case OneOf(attribute, values):
            return _is_one_of(_column(table, attribute), values)
        case Range(attribute):
            return _is_between(_column(table, attribute), predicate.lower, predicate.upper)
    raise TypeError(f"{type(predicate).__name__} is no predicate")


def _column(table: pa.Table, attribute: str) -> pa.ChunkedArray:
    """Return a column in which null is the only missing value, all floats are of 64 bits, and zero has no sign."""
    column = table[attribute]
    if not pa.types.is_floating(column.type):
        return column
    wide = pc.add(column.cast(pa.float64()), _NO_SIGN)
    return pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)


def _is_one_of(column: pa.ChunkedArray, values: Iterable[Value]) -> pa.ChunkedArray:
    found = [exact for value in values if (exact := _exactly(column.type, value)) is not None]
    if len(found) == 1:  # twice as fast as looking it up in a set of one
        return pc.equal(column, pa.scalar(found[0], column.type))
    is_one = pc.is_in(column, pa.array(found, column.type))
    return pc.if_else(pc.is_valid(column), is_one, pa.scalar(None, pa.bool_()))


def _exactly(kind: pa.DataType, value: Value) -> Value | None:
    """Return the value as a column of some type may have it; None when none of that type is equal to it."""
    if isinstance(value, str):
        return value
    if pa.types.is_floating(kind):
        return float(value) + _NO_SIGN if float(value) == value else None
    least, most = _limits(kind)
    return int(value) if value == math.floor(value) and least <= value <= most else None


def _is_between(column: pa.ChunkedArray, lower: Bound | None, upper: Bound | None) -> pa.ChunkedArray:
    if pa.types.is_integer(column.type):
        lower, upper = _whole(column.type, lower, upper)
    elif pa.types.is_floating(column.type):
        lower, upper = lower and _lower_float(lower), upper and _upper_float(upper)
    holds = []
    if lower is not None:
        compare = pc.greater_equal if lower.inclusive else pc.greater
        holds.append(compare(column, pa.scalar(lower.value, column.type)))
    if upper is not None:
        compare = pc.less_equal if upper.inclusive else pc.less
        holds.append(compare(column, pa.scalar(upper.value, column.type)))
    return reduce(pc.and_kleene, holds)


def _whole(kind: pa.DataType, lower: Bound | None, upper: Bound | None) -> tuple[Bound, Bound]:
    """Return the bounds that whole numbers of some width keep to, if they keep to these."""
    least, most = _limits(kind)
    if lower is not None:
        assert not isinstance(lower.value, str)
        first = math.ceil(lower.value) if lower.inclusive else math.floor(lower.value) + 1
        if first > most:
            return Bound(most, inclusive=False), Bound(most, inclusive=True)
        least = max(least, first)
    if upper is not None:
        assert not isinstance(upper.value, str)
        last = math.floor(upper.value) if upper.inclusive else math.ceil(upper.value) - 1
        if last < least:
            return Bound(least, inclusive=True), Bound(least, inclusive=False)
        most = min(most, last)
    return Bound(least, inclusive=True), Bound(most, inclusive=True)


def _lower_float(bound: Bound) -> Bound:
    """Return a float that bounds floats from below as this number does; the next one may be a little above or below."""
    value = float(bound.value)
    return Bound(value, inclusive=value > bound.value or (value == bound.value and bound.inclusive))  # type: ignore[operator]


def _upper_float(bound: Bound) -> Bound:
    value = float(bound.value)
    return Bound(value, inclusive=value < bound.value or (value == bound.value and bound.inclusive))  # type: ignore[operator]


def _limits(kind: pa.DataType) -> tuple[int, int]:
    """Return the least and the greatest whole number of an integer type."""
    limits = np.iinfo(kind.to_pandas_dtype())
    return int(limits.min), int(limits.max)
