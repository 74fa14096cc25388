"""Reliability diagrams: confidence against being right. Pure."""

from dataclasses import dataclass

from services.evaluation.schema import Reliability, Report
from services.evaluation.words import POLICY_WORDS, percent

PANEL_SIDE = 200.0
"""Of the square that both axes span, 0 to 1."""

_GAP = 2.0  # between bars
_FAINTEST = 0.2  # a bin of a single photo can still be seen


@dataclass(frozen=True)
class ReliabilityBar:
    """One bin: as high as its accuracy, as dense as its photos are many."""

    x: float
    y: float
    width: float
    height: float
    opacity: float
    label: str


@dataclass(frozen=True)
class ReliabilityPanel:
    """One diagram; `key` names its colour."""

    key: str
    title: str
    error: float
    bars: tuple[ReliabilityBar, ...]


def reliability_panels(report: Report) -> list[ReliabilityPanel]:
    """Return the classifier's diagram, then that of each cascade's scores; those without photos are left out."""
    diagrams = {"models": ("Classifier", report.classifier_reliability)} | {
        name: (f"Scores of {POLICY_WORDS[name].name}", policy.score_reliability)
        for name, policy in report.policies.items()
        if name != "baseline"
    }
    return [_panel(key, title, diagram) for key, (title, diagram) in diagrams.items() if diagram]


def _panel(key: str, title: str, diagram: Reliability) -> ReliabilityPanel:
    most = max(each.photos for each in diagram.bins)
    bars = [
        ReliabilityBar(
            x=each.low * PANEL_SIDE,
            y=(1 - each.accuracy) * PANEL_SIDE,
            width=(each.high - each.low) * PANEL_SIDE - _GAP,
            height=each.accuracy * PANEL_SIDE,
            opacity=_FAINTEST + (1 - _FAINTEST) * each.photos / most,
            label=f"{each.photos} photos: {percent(each.confidence)} sure, {percent(each.accuracy)} right",
        )
        for each in diagram.bins
    ]
    return ReliabilityPanel(key, title, diagram.expected_calibration_error, tuple(bars))
