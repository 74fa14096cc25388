"""What a query may ask for."""

import math
from typing import Any

import pytest

from services.common.errors import InvalidArgument
from services.gateway.answering.query import Query


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"top_k": 0}, "top_k"),
        ({"top_k": -1}, "top_k"),
        ({"top_k": 1_001}, "top_k"),
        ({"top_k": 10_000}, "top_k"),
        ({"probability_mass": 0.0}, "routing.probability_mass"),
        ({"probability_mass": -0.1}, "routing.probability_mass"),
        ({"probability_mass": 1.001}, "routing.probability_mass"),
        ({"probability_mass": math.nan}, "routing.probability_mass"),
        ({"probability_mass": math.inf}, "routing.probability_mass"),
        ({"minimum_coverage": -0.001}, "minimum_coverage"),
        ({"minimum_coverage": 1.001}, "minimum_coverage"),
        ({"minimum_coverage": math.nan}, "minimum_coverage"),
        ({"categories": ("Shoes",) * 1_001}, "routing.categories"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_field(asked: dict[str, Any], field: str) -> None:
    """The field is named as the proto names it."""
    with pytest.raises(InvalidArgument) as refused:
        Query(image=b"", **asked)
    assert refused.value.field == field


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"top_k": 1},
        {"top_k": 1_000},
        {"probability_mass": 1.0},
        {"probability_mass": 1e-6},
        {"minimum_coverage": 0.0},
        {"minimum_coverage": 1.0},
        {"categories": ("Shoes",) * 1_000},
    ],
)
def test_the_ends_of_the_ranges_are_in_them(asked: dict[str, Any]) -> None:
    """What the proto allows is accepted."""
    Query(image=b"", **asked)
