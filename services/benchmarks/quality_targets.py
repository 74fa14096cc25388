"""The promises about retrieval quality, row by row, from the reports of the evaluations. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from services.benchmarks.targets import Target
from services.evaluation.schema import Report

_METRICS = ("recall_at_1", "recall_at_5", "map")


@dataclass(frozen=True)
class CoarseRecall:
    """Shares of the ten best products that a search finds.

    Attributes:
        usual: as the index searches on every other rung.
        coarse: on the rung COARSE.
    """

    usual: float
    coarse: float


@dataclass(frozen=True)
class Measured:
    """What the benchmark's steps came to.

    Attributes:
        seconds: how long fitting took, by way.
        frozen: the fine-tuned classifier with ImageNet's features as they are.
        tuned: the fine-tuned classifier with the fine-tuned embedder.
        head: both models of the head, which needs no torch.
        rungs: the fine-tuned models once more, by the rung of degradation that the gateway was kept on.
        coarse: what a graph finds on the rung COARSE; the dataset's shards are too small to have one.
        spoilt: classifiers spoilt on purpose, by how, with ImageNet's features.
        fashion: the committed models on Fashion-MNIST's products.
    """

    seconds: Mapping[str, float]
    frozen: Report
    tuned: Report
    rungs: Mapping[str, Report]
    coarse: CoarseRecall
    head: Report
    spoilt: Mapping[str, Report]
    fashion: Report

    def extra(self) -> dict[str, Any]:
        """Return every report's main figures, for readers who want more than the targets."""
        named = {"frozen": self.frozen, "fine-tuned": self.tuned, "head": self.head}
        reports = {**named, **self.spoilt, "fashion": self.fashion}
        return {
            **{name: _figures(report) for name, report in reports.items()},
            "rungs": {rung: _policy(report, "adaptive") for rung, report in self.rungs.items()},
            "coarse": asdict(self.coarse),
        }


def targets_of(measured: Measured) -> list[Target]:
    """Return one target per row of the promise."""
    return [
        Target(
            "classifier over the Grocery Store dataset's categories",
            {"top1_accuracy": 0.92, "calibration_error": 0.03},
            _classifier(measured.tuned),
            at_most=("calibration_error",),
        ),
        Target("TOP_1's mean gain in percent, same frozen embedder", {"gain": 75.0}, _gain(measured.frozen, "top_1")),
        Target(
            "ADAPTIVE's mean gain in percent, same frozen embedder", {"gain": 82.0}, _gain(measured.frozen, "adaptive")
        ),
        Target(
            "ADAPTIVE with the adapted embedder",
            {"recall_at_1": 0.80, "recall_at_5": 0.96, "map": 0.87},
            _policy(measured.tuned, "adaptive"),
        ),
        Target(
            "ADAPTIVE's mean shards searched",
            {"frozen": 4.0, "adapted": 4.0},
            {name: _policy(r, "adaptive")["shards"] for name, r in _both(measured).items()},
            at_most=("frozen", "adapted"),
        ),
        Target(
            "ADAPTIVE's least gain over the baseline on any metric in percent, classifier spoilt on purpose",
            dict.fromkeys(measured.spoilt, -1.0),
            {name: _least_gain(report) for name, report in measured.spoilt.items()},
        ),
        Target(
            "minutes of fitting",
            {"head": 5.0, "fine-tune": 60.0},
            {name: measured.seconds[name] / 60 for name in ("head", "fine-tune")},
            at_most=("head", "fine-tune"),
        ),
        Target(
            "Fashion-MNIST with the camera model",
            {"top1_accuracy": 0.90, "least_gain": 0.0},
            {**_classifier(measured.fashion), "least_gain": _least_gain(measured.fashion)},
        ),
    ]


def _both(measured: Measured) -> dict[str, Report]:
    return {"frozen": measured.frozen, "adapted": measured.tuned}


def _classifier(report: Report) -> dict[str, float]:
    reliability = report.classifier_reliability
    return {
        "top1_accuracy": report.classifier_top1_accuracy or 0.0,
        "calibration_error": 1.0 if reliability is None else reliability.expected_calibration_error,
    }


def _gain(report: Report, policy: str) -> dict[str, float]:
    return {"gain": report.gain[policy].mean or 0.0}


def _policy(report: Report, policy: str) -> dict[str, float]:
    figures = report.policies[policy]
    found = {metric: getattr(figures, metric) or 0.0 for metric in _METRICS}
    return {**found, "shards": figures.mean_shards_searched}


def _least_gain(report: Report) -> float:
    """Return ADAPTIVE's smallest relative gain over the baseline, percent, over all metrics that are reported."""
    gain = report.gain["adaptive"]
    gains = (gain.recall_at_1, gain.recall_at_5, gain.recall_at_10, gain.map, gain.mrr)
    return min(value for value in gains if value is not None)


def _figures(report: Report) -> dict[str, Any]:
    return {
        "queries": report.queries,
        "classifier": _classifier(report),
        "policies": {name: _policy(report, name) for name in report.policies},
        "gain": {name: gain.model_dump() for name, gain in report.gain.items()},
        "break_even": None if report.break_even is None else report.break_even.accuracy,
    }
