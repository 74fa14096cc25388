"""The curve of accuracy against cost, end to end on a tiny shop."""

import json
import sys
from pathlib import Path

import pytest

from services.benchmarks.inference.__main__ import main
from tests.support.fitting import SIDE, write_base, write_shop


@pytest.fixture
def words(tmp_path: Path) -> list[str]:
    """A command line over a tiny shop and the tiny embedder."""
    shop, base = write_shop(tmp_path / "shop", photos_per_product=6), write_base(tmp_path / "base")
    places = ("--models", base, "--out", tmp_path / "out")
    return [str(shop), *map(str, places), "--sides", str(SIDE), "--rounds", "2"]


def test_each_variant_is_judged_and_timed(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both precisions, as good as each other here, with a cost for each number of instances and threads."""
    assert main(words) == 0
    rows = json.loads((tmp_path / "out/report.json").read_text())["rows"]
    assert [(row["side"], row["precision"], row["runtime"]) for row in rows] == [
        (SIDE, "fp32", "onnxruntime"),
        (SIDE, "int8", "onnxruntime"),
    ]
    for row in rows:
        assert row["found"]["accuracy"] > 0.8
        assert row["found"]["recall_at_1"] is not None
        assert len(row["costs"]) == 3
        assert all(cost["photos_per_second"] > 0 and cost["cpu_ms"] > 0 for cost in row["costs"])
    assert "| one network | 16 | int8 | ONNX Runtime |" in capsys.readouterr().out


def test_a_runtime_that_is_not_there_is_named(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """This Python has no OpenVINO: it must not be measured in its place."""
    assert main([*words, "--openvino", sys.executable]) == 1
    assert f"openvino failed in {sys.executable}" in capsys.readouterr().err.splitlines()[-1]
