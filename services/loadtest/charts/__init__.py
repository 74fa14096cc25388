"""Where the lines and areas of a load test's charts go. Pure: the templates only draw."""

from services.loadtest.charts.axes import Axis
from services.loadtest.charts.distribution import DistributionChart, distribution_chart
from services.loadtest.charts.knee import KneeChart, knee_chart
from services.loadtest.charts.stages import StageBar, stage_bars
from services.loadtest.charts.timeline import LineChart, OutcomeChart, cores_chart, latency_chart, outcome_chart

__all__ = [
    "Axis",
    "DistributionChart",
    "KneeChart",
    "LineChart",
    "OutcomeChart",
    "StageBar",
    "cores_chart",
    "distribution_chart",
    "knee_chart",
    "latency_chart",
    "outcome_chart",
    "stage_bars",
]
