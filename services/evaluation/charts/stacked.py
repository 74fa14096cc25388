"""Rows of segments: where each policy's time goes, and where its photos are lost. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.evaluation.charts.frame import LABELS_WIDTH, MARGIN, WIDTH
from services.evaluation.schema import PolicyReport
from services.evaluation.words import LOSS_WORDS, STAGE_WORDS, ms, percent

_ROW_HEIGHT = 34.0
_TOTAL_WIDTH = 60.0  # for the figure behind each row


@dataclass(frozen=True)
class Segment:
    """One part of a row: what it is, and where; `label` says it in words."""

    key: str
    x: float
    width: float
    label: str


@dataclass(frozen=True)
class StackedRow:
    """One policy's segments from left to right, and the figure behind them."""

    policy: str
    y: float
    segments: tuple[Segment, ...]
    total: str


def stage_rows(policies: Mapping[str, PolicyReport]) -> list[StackedRow]:
    """Return where each policy's time goes; the models run side by side, so the slower one stands for both."""
    told = {name: policy.stages_ms_p50 for name, policy in policies.items() if policy.stages_ms_p50.get("total")}
    longest = max((stages["total"] for stages in told.values()), default=1.0)
    return [
        _row(
            number,
            name,
            [(stage, time / longest, f"{STAGE_WORDS[stage]}: {ms(time, 2)} ms") for stage, time in _parts(stages)],
            f"{ms(stages['total'])} ms",
        )
        for number, (name, stages) in enumerate(told.items())
    ]


def _parts(stages: Mapping[str, float]) -> Sequence[tuple[str, float]]:
    parts = {
        "decode": stages.get("decode", 0.0),
        "models": max(stages.get("classify", 0.0), stages.get("embed", 0.0)),
        "route": stages.get("route", 0.0),
        "scatter": stages.get("scatter", 0.0),
        "merge": stages.get("merge", 0.0),
    }
    return [*parts.items(), ("rest", max(stages["total"] - sum(parts.values()), 0.0))]


def loss_rows(policies: Mapping[str, PolicyReport]) -> list[StackedRow]:
    """Return what became of each policy's photos, looking at the first hit only; nothing without product figures."""
    firsts = {name: policy.losses[0] for name, policy in policies.items() if policy.losses}
    return [
        _row(
            number,
            name,
            [
                (key, getattr(first, key), f"{words}: {percent(getattr(first, key))}")
                for key, words in LOSS_WORDS.items()
            ],
            percent(first.found),
        )
        for number, (name, first) in enumerate(firsts.items())
    ]


def _row(number: int, policy: str, parts: Iterable[tuple[str, float, str]], total: str) -> StackedRow:
    """Lay out parts `(key, share of the full width, label)`."""
    scale = WIDTH - LABELS_WIDTH - MARGIN - _TOTAL_WIDTH
    segments, x = [], LABELS_WIDTH
    for key, share, label in parts:
        segments.append(Segment(key, x, share * scale, label))
        x += share * scale
    return StackedRow(policy, _ROW_HEIGHT * number, tuple(segments), total)
