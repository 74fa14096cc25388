"""Targets: met when every figure is reached, and written with what was measured."""

import json
from pathlib import Path

from services.benchmarks.targets import Target, table, write_report

KEPT = Target("kept", {"accuracy": 0.9, "minutes": 5.0}, {"accuracy": 0.9, "minutes": 4.0}, at_most=("minutes",))
MISSED = Target("missed", {"accuracy": 0.9}, {"accuracy": 0.89})


def test_least_and_most() -> None:
    """A figure may be at its bound, and no farther."""
    assert KEPT.met
    assert not MISSED.met
    assert not Target("late", {"minutes": 5.0}, {"minutes": 5.1}, at_most=("minutes",)).met


def test_report_names_reach_value_and_met(tmp_path: Path) -> None:
    """What design.md asks of every benchmark."""
    write_report(tmp_path / "new" / "report.json", [KEPT, MISSED], {"machine": "here"})
    report = json.loads((tmp_path / "new" / "report.json").read_text())
    assert [row["met"] for row in report["targets"]] == [True, False]
    assert report["targets"][1]["value"] == {"accuracy": 0.89}
    assert {"name", "reach", "value", "met"} <= set(report["targets"][0])
    assert report["machine"] == "here"


def test_table_says_what_was_missed() -> None:
    """One line each, for people."""
    kept, missed = table([KEPT, MISSED]).splitlines()
    assert kept.startswith("met")
    assert missed == "MISSED  missed: accuracy 0.890 (at least 0.9)"
