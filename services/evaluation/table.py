"""The tables of policies and of losses for a terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.evaluation.schema import METRICS, Figures, Gain, Report
from services.evaluation.words import LOSS_WORDS, NONE, ORACLE_WORDS, POLICY_WORDS, count, ms, percent, signed

_HEADINGS = ("R@1", "R@5", "R@10", "mAP", "MRR")
_GAIN_STYLES = {True: "green", False: "red"}


def table(report: Report) -> RenderableType:
    """Return every policy's figures, where its photos are lost, what was measured on, and what to beware of."""
    parts: list[RenderableType] = [_policies(report)]
    if any(policy.losses for policy in report.policies.values()):
        parts.append(_losses(report))
    return Group(*parts, *_remarks(report))


def _grid(title: str) -> Table:
    return Table(
        title=Text(title),  # a name is no markup
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,  # fits a terminal of 80 columns
    )


def _policies(report: Report) -> Table:
    grid = _grid(f"Aisle on {report.dataset}")
    grid.add_column("policy", no_wrap=True)
    for heading in (*_HEADINGS, "gain", "shards", "p50", "p95", "ratio"):
        grid.add_column(heading, justify="right", no_wrap=True)
    for name, policy in report.policies.items():
        gain = report.gain.get(name)
        latency, ratio = policy.latency_ms, gain.latency_ratio_p50 if gain else None
        grid.add_row(
            POLICY_WORDS[name].name,
            *_quality(policy, gain),
            f"{policy.mean_shards_searched:.2f}",
            ms(latency.p50 if latency else None),
            ms(latency.p95 if latency else None),
            NONE if ratio is None else f"{ratio:.2f}",
            style="bold" if name == report.headline else "",
        )
    if report.oracle:
        grid.add_row(ORACLE_WORDS.name, *_quality(report.oracle, report.oracle.gain), "1.00", *[NONE] * 3, style="dim")
    return grid


def _quality(figures: Figures, gain: Gain | None) -> list[str | Text]:
    mean = gain.mean if gain else None
    style = "" if mean is None else _GAIN_STYLES[mean >= 0]
    return [
        *(percent(getattr(figures, metric), unit="") for metric in METRICS),
        Text(signed(mean, unit=""), style=style),
    ]


def _losses(report: Report) -> Table:
    """Return what became of the right product, looking at the first hit; columns of nothing are left out."""
    firsts = {name: policy.losses[0] for name, policy in report.policies.items()}
    occurring = {
        key: words for key, words in LOSS_WORDS.items() if any(getattr(first, key) for first in firsts.values())
    }
    grid = _grid("Where the first place goes")
    grid.add_column("policy", no_wrap=True)
    for words in occurring.values():
        grid.add_column(words, justify="right")
    for name, first in firsts.items():
        figures = (percent(getattr(first, key), unit="") for key in occurring)
        grid.add_row(POLICY_WORDS[name].name, *figures, style="bold" if name == report.headline else "")
    return grid


def _remarks(report: Report) -> list[Text]:
    accuracy, error = report.classifier_top1_accuracy, report.classifier_reliability
    remarks = [
        Text(
            f"{count(report.queries)} photos in {count(report.gallery_images)} gallery images of "
            f"{count(report.products)} products in {count(report.categories)} categories; "
            f"classifier right in {percent(accuracy)}"
            + (f", off by {percent(error.expected_calibration_error)} in its confidence." if error else "."),
            style="dim",
        ),
        Text(
            "R@k: photos whose right product is among the first k; mAP (mean average precision) and MRR (mean "
            "reciprocal rank): how high it stands; gain: of R@1, R@5 and mAP over the baseline; ratio: p50 to the "
            "baseline's.",
            style="dim",
        ),
        Text(
            f"Quality and mean gain in percent; median and 95th percentile of latency in ms. {ORACLE_WORDS.name}: "
            f"{ORACLE_WORDS.meaning}.",
            style="dim",
        ),
    ]
    even = report.break_even
    if even and even.top_1_pays:
        remarks.append(
            Text(f"Top 1 pays when the classifier is right in at least {percent(even.accuracy)}.", style="dim")
        )
    return remarks + [Text(notice.text, style="yellow") for notice in report.notices]
