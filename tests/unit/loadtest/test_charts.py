"""Charts: scales keep order, marks are inside, and columns add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loadtest.charts import cores_chart, distribution_chart, knee_chart, outcome_chart
from services.loadtest.charts.axes import FLOOR, Axis, upwards
from services.loadtest.report import knee_step
from services.loadtest.schema import Knee
from services.loadtest.tally import Outcome
from tests.support.load import measured_of, reply, report_of, setting, tally_of


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


def test_only_quantiles_that_enough_answers_tell_are_labelled() -> None:
    """Of 150 answers, half and 9 in 10: the table has a dash for p99, and the curve no dot there."""
    chart = distribution_chart(tally_of([reply(float(each)) for each in range(1, 151)]).latency)
    assert chart is not None
    assert [time for _, _, time in chart.dots] == pytest.approx([75, 135], rel=0.01)
    assert [words for _, words in chart.marks] == ["half", "90 %", "99 %"]


@pytest.mark.parametrize(
    ("slo", "figure", "latency", "limit"),
    [
        ("error_share=0.01,p90_ms=50", "p90_ms", 20.0, 50.0),
        ("p99_ms=250,p50_ms=9", "p99_ms", 900.0, 250.0),
        ("error_share=0.01", "p99_ms", 900.0, None),
    ],
)
def test_the_knee_is_drawn_by_the_latency_that_decides(
    slo: str, figure: str, latency: float, limit: float | None
) -> None:
    """The first that the objective bounds, with its bound; p99 where it bounds none."""
    second = [*[reply(20.0)] * 95, *[reply(900.0)] * 5]
    steps = [knee_step(100.0, measured_of([second]), setting(slo))]
    chart = knee_chart(Knee(rate=100.0, missed_rate=None, steps=steps, overload_rate=None, recovery_seconds=None))
    assert chart is not None
    [drawn] = chart.tries
    assert chart.figure == figure
    assert drawn.latency == pytest.approx(latency, rel=0.01)
    assert drawn.y == pytest.approx(chart.y(latency), abs=0.5)
    assert chart.limit == (None if limit is None else pytest.approx(chart.y(limit)))


def test_the_cores_of_others_are_drawn_where_they_are_known() -> None:
    """Beside the server's and the load generator's."""
    seconds = report_of([[reply()]] * 5, others_cores=0.9).seconds
    chart = cores_chart(seconds)
    assert chart is not None
    assert [key for key, _ in chart.lines] == ["server", "client", "others"]
    unknown = cores_chart([each.model_copy(update={"others_cores": None}) for each in seconds])
    assert unknown is not None
    assert [key for key, _ in unknown.lines] == ["server", "client"]
