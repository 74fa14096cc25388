"""The curve's rows: medians over turns, and a table that a person can read."""

from services.benchmarks.inference.variants import SHAPES, Cost, Found, Row, median_cost, table


def test_a_slow_turn_is_forgotten() -> None:
    """The median of each figure by itself."""
    turns = [{"photos_per_second": rate, "ms": ms, "cpu_ms": 5.0} for rate, ms in ((100, 10), (9, 99), (110, 9))]
    assert median_cost(turns) == Cost(photos_per_second=100, ms=10, cpu_ms=5.0)


def test_the_table_has_a_line_for_each_row() -> None:
    """With as many cells as the head has; what is not known is left empty."""
    costs = tuple(Cost(100.4, 9.96, 8.0) for _ in SHAPES)
    rows = [
        Row("one network", 224, "fp32", "onnxruntime", Found(0.8381, 0.395), costs),
        Row("classifier", 144, "int8", "openvino", Found(0.9, None), costs),
    ]
    head, rule, first, second = table(rows).splitlines()
    assert head.count("|") == rule.count("|") == first.count("|") == second.count("|")
    assert "| 224 | fp32 | ONNX Runtime | 0.838 | 0.395 | 10.0; 8.0; 100 |" in first
    assert "| 144 | int8 | OpenVINO | 0.900 |  | 10.0; 8.0; 100 |" in second
