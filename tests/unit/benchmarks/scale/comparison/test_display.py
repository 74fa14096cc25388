"""What people read of the comparison."""

from services.benchmarks.scale.comparison.display import Result, table
from services.benchmarks.scale.comparison.ladder import Chosen
from services.benchmarks.scale.latency import Latency


def test_each_engine_is_a_line_and_each_filter_a_column() -> None:
    """With latencies and recall, and no word of a program's."""
    results = [
        Result("Aisle", "unfiltered", Chosen({"nprobe": 4}, 0.981), Latency(0.111, 0.154, 300)),
        Result("Other", "unfiltered", Chosen({}, 0.992), Latency(0.6, 1.29, 300)),
        Result("Aisle", "5 % pass", Chosen({}, 1.0), Latency(0.2, 0.27, 300)),
        Result("Other", "5 % pass", Chosen({}, 0.99), Latency(12.345, 20.0, 300)),
    ]
    assert table({"Aisle": 1.68, "Other": 58.44}, results).splitlines() == [
        "| p50 / p99 ms (recall) | built in | unfiltered | 5 % pass |",
        "| --- | --- | --- | --- |",
        "| Aisle | 1.7 s | 0.11 / 0.15 (0.981) | 0.20 / 0.27 (1.000) |",
        "| Other | 58.4 s | 0.60 / 1.29 (0.992) | 12.35 / 20.00 (0.990) |",
    ]
