"""A region is a box with area inside the picture, and nothing else."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import RegionInvalid
from services.photo.region import Region


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(1, 4000), st.integers(1, 4000))
def test_box_has_area_and_lies_inside(x0: float, y0: float, x1: float, y1: float, width: int, height: int) -> None:
    """Every valid region covers at least one pixel of any picture and none outside it."""
    if x0 >= x1 or y0 >= y1:
        with pytest.raises(RegionInvalid):
            Region(x0, y0, x1, y1)
        return
    left, upper, right, lower = Region(x0, y0, x1, y1).box(width, height)
    assert 0 <= left < right <= width
    assert 0 <= upper < lower <= height


@pytest.mark.parametrize(
    ("box", "field"),
    [
        ((-0.1, 0, 1, 1), "region.x_min"),
        ((0, 0, 1, 1.01), "region.y_max"),
        ((0, math.nan, 1, 1), "region.y_min"),
        ((0, 0, math.inf, 1), "region.x_max"),
        ((0.5, 0, 0.5, 1), "region.x_min"),
        ((0, 0.7, 1, 0.2), "region.y_min"),
    ],
)
def test_what_is_no_region_names_its_field(box: tuple[float, float, float, float], field: str) -> None:
    """The error says which edge is wrong."""
    with pytest.raises(RegionInvalid) as refused:
        Region(*box)
    assert refused.value.field == field
