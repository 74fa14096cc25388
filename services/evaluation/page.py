"""The report as one HTML file to look at: no script, nothing loaded from anywhere, light and dark."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from services.evaluation.charts import WIDTH, latency_chart, quality_chart, stage_rows
from services.evaluation.schema import METRICS, Report
from services.evaluation.thumbnails import Thumbnails
from services.evaluation.words import CASE_WORDS, POLICY_WORDS, STAGE_WORDS, count, ms, percent, reason_words, signed


def render(report: Report, image_root: Path) -> str:
    """Return the page.

    Args:
        report: what it shows.
        image_root: where the pictures of its cases lie; those that can't be read are shown as empty frames.
    """
    return _template().render(
        report=report,
        best=_best(report),
        quality=quality_chart(report),
        latency=latency_chart(report),
        stages=stage_rows(report.policies),
        chart_width=WIDTH,
        thumbnail=Thumbnails(image_root).uri,
        policy_words=POLICY_WORDS,
        stage_words=STAGE_WORDS,
        case_words=CASE_WORDS,
        reason_words=reason_words,
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("services.evaluation"),
        autoescape=True,  # names come from catalogues
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "ms": ms, "percent": percent, "signed": signed}
    return environment.get_template("report.html.j2")


def _best(report: Report) -> dict[str, float]:
    """Return the best value of each metric; below any figure where there is none."""
    figures = [policy.model_dump(include=set(METRICS)) for policy in report.policies.values()]
    return {
        metric: max((each[metric] for each in figures if each[metric] is not None), default=-1.0) for metric in METRICS
    }
