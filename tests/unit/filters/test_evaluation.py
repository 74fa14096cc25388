"""Which rows pass is what comparing them one by one in Python finds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.filters.evaluation import passing_rows
from services.filters.predicate import Equals, OneOf, Predicate, Range, Value
from tests.support.filters import FLOATS, INTEGERS, NUMBERS, TEXTS, holds, predicates

COLUMNS: Mapping[str, tuple[pa.DataType, Sequence[Any]]] = {
    "text": (pa.string(), TEXTS),
    "tiny": (pa.int8(), [-128, -1, 0, 1, 2, 127]),
    "large": (pa.int64(), INTEGERS),
    "unsigned": (pa.uint64(), [0, 1, 255, 2**53 + 1, 2**63, 2**64 - 1]),
    "half": (pa.float32(), [float(np.float32(number)) for number in FLOATS if abs(number) < 1e30]),
    "float": (pa.float64(), [*FLOATS, float("inf"), float("-inf")]),
}
VALUES: Mapping[str, st.SearchStrategy[Value]] = {
    name: st.sampled_from(TEXTS) if kind == pa.string() else NUMBERS for name, (kind, _) in COLUMNS.items()
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Draw a table of one to three chunks in which any value may be missing."""
    rows = draw(st.integers(1, 12))
    columns = {
        name: pa.array(draw(st.lists(st.sampled_from((None, *pool)), min_size=rows, max_size=rows)), kind)
        for name, (kind, pool) in COLUMNS.items()
    }
    table = pa.table(columns)
    cut = draw(st.integers(0, rows))
    return pa.concat_tables([table.slice(0, cut), table.slice(cut)])


@settings(max_examples=400, deadline=None)
@given(table=tables(), predicate=predicates(VALUES))
def test_a_row_passes_when_the_filter_holds_for_it(table: pa.Table, predicate: Predicate) -> None:
    """Every type and every predicate, at the ends of what numbers can be; missing values are neither in nor out."""
    expected = [holds(predicate, row) is True for row in table.to_pylist()]

    passes = passing_rows(predicate, table)

    assert passes.dtype == np.bool_
    assert passes.tolist() == expected


def test_not_a_number_is_missing() -> None:
    """Neither a filter nor its opposite finds it."""
    table = pa.table({"price": pa.array([float("nan"), 1.0, None])})
    for predicate in (Equals("price", 1), Range("price", at_least=1), OneOf("price", (1, 5))):
        assert passing_rows(predicate, table).tolist() == [False, True, False]
        assert passing_rows(~predicate, table).tolist() == [False, False, False]


@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
def test_large_numbers_are_not_rounded(kind: pa.DataType) -> None:
    """As floats, 2^53 + 1 would equal 2^53."""
    table = pa.table({"number": pa.array([2**53], kind)})
    assert not passing_rows(Equals("number", 2**53 + 1), table).any()
    assert passing_rows(Range("number", below=2**53 + 1), table).all()
    assert not passing_rows(Range("number", at_least=2**53 + 1), table).any()
