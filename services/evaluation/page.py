"""The report as one HTML file to look at: no script, nothing loaded from anywhere, light and dark."""

from functools import cache
from pathlib import Path

from jinja2 import Template

from services.evaluation.charts import (
    PRICE_HEIGHT,
    WIDTH,
    break_even_gauge,
    latency_chart,
    loss_rows,
    price_panels,
    quality_chart,
    reliability_panels,
    stage_rows,
)
from services.evaluation.schema import METRICS, Report
from services.evaluation.templating import templates
from services.evaluation.thumbnails import Thumbnails
from services.evaluation.words import (
    CASE_WORDS,
    LOSS_WORDS,
    ORACLE_WORDS,
    POLICY_WORDS,
    STAGE_WORDS,
    reason_words,
)


def render(report: Report, image_root: Path) -> str:
    """Return the page.

    Args:
        report: what it shows.
        image_root: where the pictures of its cases lie; those that can't be read are shown as empty frames.
    """
    return _template().render(
        report=report,
        best=_best(report),
        gauge=break_even_gauge(report.break_even),
        quality=quality_chart(report),
        losses=loss_rows(report.policies),
        lost_as=_occurring_losses(report),
        prices=price_panels(report.price_of_safety),
        diagrams=reliability_panels(report),
        latency=latency_chart(report),
        stages=stage_rows(report.policies),
        chart_width=WIDTH,
        price_height=PRICE_HEIGHT,
        thumbnail=Thumbnails(image_root).uri,
        policy_words=POLICY_WORDS,
        oracle_words=ORACLE_WORDS,
        loss_words=LOSS_WORDS,
        stage_words=STAGE_WORDS,
        case_words=CASE_WORDS,
        reason_words=reason_words,
    )


@cache
def _template() -> Template:
    return templates("services.evaluation").get_template("report.html.j2")


def _best(report: Report) -> dict[str, float]:
    """Return the best value of each metric; below any figure where there is none."""
    figures = [policy.model_dump(include=set(METRICS)) for policy in report.policies.values()]
    return {
        metric: max((each[metric] for each in figures if each[metric] is not None), default=-1.0) for metric in METRICS
    }


def _occurring_losses(report: Report) -> dict[str, str]:
    """Return what did become of photos, with its words: a table without empty columns is quicker to read."""
    told = [losses for policy in report.policies.values() for losses in policy.losses]
    return {key: words for key, words in LOSS_WORDS.items() if any(getattr(losses, key) for losses in told)}
