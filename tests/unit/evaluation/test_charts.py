"""Charts stay in their frames and draw equal numbers as equal areas."""

import re

import pytest

from services.client.types import Policy
from services.evaluation.charts import WIDTH, latency_chart, quality_chart, stage_rows
from services.evaluation.report import make_report
from tests.support.shoppers import GALLERY, SETTING, catalog, query, random_report, seen

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
    report = make_report([query()], observations, catalog(), GALLERY, SETTING)
    [row] = stage_rows(report.policies)
    assert {segment.stage: segment.milliseconds for segment in row.segments if segment.milliseconds} == {
        "decode": 1,
        "models": 10,
        "rest": 3,
    }
    assert row.segments[-1].x + row.segments[-1].width <= WIDTH


def test_without_figures_there_is_no_chart() -> None:
    """A run of errors on photos without products leaves nothing to draw."""
    observations = [seen(0, Policy.TOP_1, outcome="error", error="NOT_SERVING")]
    report = make_report([query(0, "")], observations, catalog(), GALLERY, SETTING)
    assert quality_chart(report) is None
    assert latency_chart(report) is None
    assert stage_rows(report.policies) == []
