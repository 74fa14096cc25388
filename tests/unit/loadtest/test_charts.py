"""Charts: scales keep order, marks are inside, and columns add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loadtest.charts import outcome_chart
from services.loadtest.charts.axes import FLOOR, Axis, upwards
from services.loadtest.tally import Outcome
from tests.support.load import reply, report_of


@given(
    low=st.floats(0.01, 1e4),
    ratio=st.floats(1.01, 1e5),
    values=st.lists(st.floats(0.001, 1e9), min_size=2),
    logarithmic=st.booleans(),
)
def test_a_scale_keeps_order_and_holds_what_is_beyond(
    low: float, ratio: float, values: list[float], *, logarithmic: bool
) -> None:
    """On a vertical axis larger is higher, which is a smaller y; some marks are inside, and all of them are."""
    axis = upwards(low, low * ratio, logarithmic=logarithmic)
    places = [axis(value) for value in sorted(values)]
    assert places == sorted(places, reverse=True)
    assert all(axis.end - 1e-6 <= place <= axis.start + 1e-6 for place in places)
    assert all(axis.end - 1e-6 <= place <= axis.start + 1e-6 for place, _ in axis.marks)


@given(st.floats(0, 1e5), st.floats(1e-2, 1e5))
def test_a_linear_scale_has_marks(low: float, span: float) -> None:
    """Few enough to be read."""
    assert 2 <= len(Axis(low, low + span, 0, 100).marks) <= 8


def test_equal_values_still_make_a_scale() -> None:
    """A flat line is drawn."""
    assert upwards(5.0, 5.0)(5.0) == pytest.approx(FLOOR)


def test_columns_are_as_high_as_the_photos_were_many() -> None:
    """Stacked without gaps from the floor, in a column a second or several."""
    for length in (5, 361):
        report = report_of([[reply(1.0)] * 3 + [reply(1.0, Outcome.ERROR)]] * length)
        chart = outcome_chart(report.seconds)
        assert chart is not None
        first = [each for each in chart.rectangles if each.x == chart.rectangles[0].x]
        assert [each.key for each in first] == ["ok", "error"]
        assert first[0].y + first[0].height == pytest.approx(FLOOR)
        assert first[1].y + first[1].height == pytest.approx(first[0].y)
        assert first[1].y == pytest.approx(chart.y(4.0))
        assert len({each.x for each in chart.rectangles}) <= 180
