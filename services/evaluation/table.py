"""The table of policies for a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.evaluation.schema import METRICS, Report
from services.evaluation.words import NONE, POLICY_WORDS, count, ms, percent, signed

_HEADINGS = ("R@1", "R@5", "R@10", "mAP", "MRR")
_GAIN_STYLES = {True: "green", False: "red"}


def table(report: Report) -> RenderableType:
    """Return every policy's figures, and beneath them what they were measured on."""
    return Group(_policies(report), *_remarks(report))


def _policies(report: Report) -> Table:
    grid = Table(
        title=Text(f"Aisle on {report.dataset}"),  # a name is no markup
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,  # fits a terminal of 80 columns
    )
    grid.add_column("policy", no_wrap=True)
    for heading in (*_HEADINGS, "gain", "shards", "p50", "p95", "ratio"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for name, policy in report.policies.items():
        gain = report.gain.get(name)
        mean = gain.mean if gain else None
        latency, ratio = policy.latency_ms, gain.latency_ratio_p50 if gain else None
        grid.add_row(
            POLICY_WORDS[name].name,
            *(percent(getattr(policy, metric), unit="") for metric in METRICS),
            Text(signed(mean, unit=""), style="" if mean is None else _GAIN_STYLES[mean >= 0]),
            f"{policy.mean_shards_searched:.2f}",
            ms(latency.p50 if latency else None),
            ms(latency.p95 if latency else None),
            NONE if ratio is None else f"{ratio:.2f}",
            style="bold" if name == report.headline else "",
        )
    return grid


def _remarks(report: Report) -> list[Text]:
    remarks = [
        Text(
            f"{count(report.queries)} photos in {count(report.gallery_images)} gallery images of "
            f"{count(report.products)} products in {count(report.categories)} categories; "
            f"classifier right in {percent(report.classifier_top1_accuracy)}.",
            style="dim",
        ),
        Text("Quality and mean gain in percent; median and 95th percentile of latency in ms.", style="dim"),
    ]
    partial = sum(policy.partial for policy in report.policies.values())
    errors = sum(policy.errors for policy in report.policies.values())
    if partial or errors:
        remarks.append(Text(f"{count(partial)} partial answers, {count(errors)} errors.", style="yellow"))
    return remarks
