"""Where the lines and areas of a report's charts go. Pure: the templates only draw."""

from services.evaluation.charts.frame import WIDTH
from services.evaluation.charts.gauge import Gauge, break_even_gauge
from services.evaluation.charts.latency import LatencyChart, latency_chart
from services.evaluation.charts.price import HEIGHT as PRICE_HEIGHT
from services.evaluation.charts.price import PricePanel, price_panels
from services.evaluation.charts.quality import BarChart, quality_chart
from services.evaluation.charts.reliability import ReliabilityPanel, reliability_panels
from services.evaluation.charts.stacked import StackedRow, loss_rows, stage_rows

__all__ = [
    "PRICE_HEIGHT",
    "WIDTH",
    "BarChart",
    "Gauge",
    "LatencyChart",
    "PricePanel",
    "ReliabilityPanel",
    "StackedRow",
    "break_even_gauge",
    "latency_chart",
    "loss_rows",
    "price_panels",
    "quality_chart",
    "reliability_panels",
    "stage_rows",
]
