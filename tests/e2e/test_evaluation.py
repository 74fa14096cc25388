"""`aisle evaluate` on the whole system: what it asks for is answered, and its report adds up."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli.supervising.system import RunningSystem
from services.datasets import folder
from tests.e2e.conftest import CATEGORIES

pytestmark = [pytest.mark.triton, pytest.mark.timeout(180)]


async def test_an_evaluation_tells_where_each_photo_is_lost(
    system: RunningSystem, gallery: Path, tmp_path: Path
) -> None:
    """The gallery's own pictures as photos: the right aisle always finds them, so all that is lost was sent astray."""
    dataset = folder.prepare(tmp_path / "dataset", gallery, {"queries": gallery})
    out = tmp_path / "out"
    command = (sys.executable, "-m", "services.cli", "evaluate", str(dataset), "--curve", "5", "--out", str(out))
    process = await asyncio.to_thread(
        subprocess.run,
        (*command, "--json", "--target", system.gateway),
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    report = json.loads(process.stdout)
    assert report == json.loads((out / "report.json").read_text())
    assert report["oracle"]["recall_at_1"] == report["policies"]["baseline"]["recall_at_1"] == 1
    for name, policy in report["policies"].items():
        assert policy["errors"] == 0
        first = policy["losses"][0]
        assert sum(share for key, share in first.items() if key != "k") == pytest.approx(1)
        assert first["index_missed"] == first["shard_missing"] == 0, name
    assert report["policies"]["top_1"]["losses"][0]["not_routed"] == pytest.approx(
        1 - report["classifier_top1_accuracy"]
    )
    price = report["price_of_safety"]
    assert price["queries"] == 5
    assert price["top_p"][-1]["mean_shards_searched"] == len(CATEGORIES)
    assert price["top_p"][-1]["recall_at_1"] == 1
