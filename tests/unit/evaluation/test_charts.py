"""Charts stay in their frames and draw equal numbers as equal areas."""

import re

import pytest

from services.client.types import Policy
from services.evaluation.charts import (
    WIDTH,
    break_even_gauge,
    latency_chart,
    loss_rows,
    price_panels,
    quality_chart,
    reliability_panels,
    stage_rows,
)
from services.evaluation.charts.reliability import PANEL_SIDE
from services.evaluation.schema import BreakEven, PriceOfSafety, TopPPoint
from tests.support.shoppers import query, random_report, report_of, seen

REPORT = random_report()


def test_bars_are_as_high_as_their_figures() -> None:
    """Height is proportional to the value, whiskers enclose the top, and everything is inside the frame."""
    chart = quality_chart(REPORT)
    assert chart is not None
    assert [group.name for group in chart.groups] == ["Recall@1", "Recall@5", "Recall@10", "mAP"]
    full = chart.grid[0][0] - chart.grid[-1][0]
    for group in chart.groups:
        for bar in group.bars:
            assert bar.height == pytest.approx(bar.value * full)
            assert bar.y + bar.height == pytest.approx(chart.floor)
            assert bar.whisker is not None
            assert 0 < bar.whisker[0] <= bar.y + 1e-9 <= bar.whisker[1] + 1e-9
            assert bar.x >= 0
            assert bar.x + bar.width <= WIDTH


def test_ridges_are_inside_and_medians_before_tails() -> None:
    """x grows with time, and the outline ends where the frame does."""
    chart = latency_chart(REPORT)
    assert chart is not None
    assert [ridge.policy for ridge in chart.ridges] == list(REPORT.policies)
    for ridge in chart.ridges:
        assert 0 < ridge.p50[0] < ridge.p95[0] <= WIDTH
        points = [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", ridge.outline)]
        assert max(x for x, _ in points) <= WIDTH
        assert max(y for _, y in points) == pytest.approx(ridge.floor)
    assert 2 <= len(chart.ticks) <= 11


def test_stages_add_up_to_the_total() -> None:
    """The models run side by side, so only the slower one has a place; what no stage claims is the rest."""
    observations = [
        seen(0, Policy.TOP_1, (1,), stages_ms={"decode": 1.0, "embed": 10.0, "classify": 6.0, "total": 14.0})
    ]
    report = report_of([query()], observations)
    [row] = stage_rows(report.policies)
    assert [segment.label for segment in row.segments if segment.width] == [
        "decode the photo: 1.00 ms",
        "embed and classify, side by side: 10.00 ms",
        "everything between: 3.00 ms",
    ]
    assert row.total == "14.0 ms"
    assert row.segments[-1].x + row.segments[-1].width <= WIDTH


def test_losses_fill_every_row_to_the_same_end() -> None:
    """Shares add up to 1, so all rows are equally long, and the green part is recall's."""
    rows = loss_rows(REPORT.policies)
    assert [row.policy for row in rows] == list(REPORT.policies)
    ends = {round(row.segments[-1].x + row.segments[-1].width, 6) for row in rows}
    assert len(ends) == 1
    [full] = ends
    for row in rows:
        recall = REPORT.policies[row.policy].recall_at_1
        assert recall is not None
        assert row.segments[0].width == pytest.approx((full - row.segments[0].x) * recall)


def test_more_shards_lie_further_right_and_better_figures_higher() -> None:
    """Every dot is inside its panel, between the outer grid lines."""
    panels = price_panels(REPORT.price_of_safety)
    assert REPORT.price_of_safety is not None
    assert [panel.name for panel in panels] == ["Recall@1", "Recall@5", "mAP"]
    for panel in panels:
        xs = [dot.x for dot in panel.masses]
        assert xs == sorted(xs)
        for dot in (*panel.masses, *panel.policies):
            assert panel.left <= dot.x <= panel.right + 1e-9
            assert panel.grid[-1][0] - 1e-9 <= dot.y <= panel.grid[0][0] + 1e-9
        assert panel.right <= WIDTH
    recall = {name: point.recall_at_1 for name, point in REPORT.price_of_safety.policies.items()}
    height = {dot.name: -dot.y for dot in panels[0].policies}
    assert max(recall, key=lambda name: recall[name]) == max(height, key=lambda name: height[name])
    assert price_panels(None) == []


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_a_flat_curve_has_an_axis(value: float) -> None:
    """All figures equal, and one shard only: no division by nothing."""
    point = TopPPoint(probability_mass=1.0, mean_shards_searched=1.0, recall_at_1=value, recall_at_5=value, map=value)
    for panel in price_panels(PriceOfSafety(queries=1, top_p=[point], policies={})):
        assert len(panel.grid) >= 2
        assert panel.grid[-1][0] <= panel.masses[0].y <= panel.grid[0][0]


def test_diagrams_are_inside_their_squares() -> None:
    """The classifier's, then one per cascade; a bar is as high as its accuracy, and never invisible."""
    panels = reliability_panels(REPORT)
    assert [panel.key for panel in panels] == ["models", "top_1", "top_p", "all", "adaptive"]
    for bar in (bar for panel in panels for bar in panel.bars):
        assert bar.y + bar.height == pytest.approx(PANEL_SIDE)
        assert 0 <= bar.x < bar.x + bar.width <= PANEL_SIDE
        assert 0.2 <= bar.opacity <= 1 + 1e-9


@pytest.mark.parametrize(("accuracy", "share"), [(0.6, 0.6), (1.4, 1.0)])
def test_the_scale_ends_at_one(accuracy: float, share: float) -> None:
    """A break-even out of reach is drawn at the end, not beyond the frame."""
    even = BreakEven(accuracy=accuracy, classifier_top1_accuracy=0.5, top_1_pays=False)
    gauge = break_even_gauge(even)
    assert gauge is not None
    assert gauge.threshold == pytest.approx(gauge.start + (gauge.end - gauge.start) * share)
    assert gauge.value == pytest.approx((gauge.start + gauge.end) / 2)
    assert break_even_gauge(None) is None


def test_without_figures_there_is_no_chart() -> None:
    """A run of errors on photos without products leaves nothing to draw."""
    observations = [seen(0, Policy.TOP_1, outcome="error", error="NOT_SERVING")]
    report = report_of([query(0, "")], observations)
    assert quality_chart(report) is None
    assert latency_chart(report) is None
    assert stage_rows(report.policies) == []
    assert loss_rows(report.policies) == []
    assert reliability_panels(report) == []
