"""The report as one HTML file to look at: no script, nothing loaded from anywhere, light and dark."""

from functools import cache

from jinja2 import Template

from services.evaluation.charts.frame import MARGIN, WIDTH
from services.evaluation.templating import templates
from services.loadtest import charts
from services.loadtest.charts.axes import FLOOR, HEIGHT, LEFT, TOP
from services.loadtest.charts.stages import ROW_HEIGHT
from services.loadtest.histogram import Histogram
from services.loadtest.schema import Report
from services.loadtest.words import (
    MISSING_WORDS,
    OUTCOME_WORDS,
    QUANTILE_WORDS,
    RUNG_WORDS,
    STAGE_WORDS,
    amount,
    degraded,
    figure,
    headline,
    mean_rate,
    number,
    time,
)


def render(report: Report) -> str:
    """Return the page."""
    return _template().render(
        report=report,
        amount=amount,
        headline=headline(report),
        degraded=degraded(report),
        mean_rate=mean_rate(report),
        latency=charts.latency_chart(report.seconds),
        outcomes=charts.outcome_chart(report.seconds),
        cores=charts.cores_chart(report.seconds),
        distribution=charts.distribution_chart(Histogram.decode(report.histograms["latency"])),
        stages=charts.stage_bars(report.stages, STAGE_WORDS),
        knee=charts.knee_chart(report.knee),
        frame={
            "width": WIDTH,
            "height": HEIGHT,
            "floor": FLOOR,
            "top": TOP,
            "left": LEFT,
            "right": WIDTH - MARGIN,
            "row": ROW_HEIGHT,
        },
        missing_words=MISSING_WORDS,
        outcome_words=OUTCOME_WORDS,
        quantile_words=QUANTILE_WORDS,
        rung_words=RUNG_WORDS,
        stage_words=STAGE_WORDS,
    )


@cache
def _template() -> Template:
    environment = templates("services.loadtest")
    environment.filters |= {"figure": figure, "number": number, "time": time}
    return environment.get_template("loadtest.html.j2")
