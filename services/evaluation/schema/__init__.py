"""The report of an evaluation, version 2: what `report.json` holds, and all that `report.html` shows. Pure.

docs/reports.md explains it to readers of the file; a change that breaks them raises the version.
"""

from services.evaluation.schema.base import MEAN_GAIN_METRICS, METRICS, SCHEMA_VERSION, Interval
from services.evaluation.schema.cascade import BreakEven, Oracle, PriceOfSafety, PricePoint, TopPPoint
from services.evaluation.schema.cases import Case, CaseAnswer, CaseHit, Kind, Reason
from services.evaluation.schema.categories import CategoryReport, Confusion, ConfusionMatrix
from services.evaluation.schema.policies import (
    Figures,
    Gain,
    Histogram,
    Intervals,
    Latency,
    Losses,
    PolicyReport,
)
from services.evaluation.schema.report import Report
from services.evaluation.schema.setting import Machine, Method, Model, Notice
from services.evaluation.schema.trust import Reliability, ReliabilityBin, Verdicts

__all__ = [
    "MEAN_GAIN_METRICS",
    "METRICS",
    "SCHEMA_VERSION",
    "BreakEven",
    "Case",
    "CaseAnswer",
    "CaseHit",
    "CategoryReport",
    "Confusion",
    "ConfusionMatrix",
    "Figures",
    "Gain",
    "Histogram",
    "Interval",
    "Intervals",
    "Kind",
    "Latency",
    "Losses",
    "Machine",
    "Method",
    "Model",
    "Notice",
    "Oracle",
    "PolicyReport",
    "PriceOfSafety",
    "PricePoint",
    "Reason",
    "Reliability",
    "ReliabilityBin",
    "Report",
    "TopPPoint",
    "Verdicts",
]
