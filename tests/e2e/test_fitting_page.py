"""docs/fitting.md is followed word by word: from a folder of photos to a report, with a shop that was drawn for it."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from services.datasets.camera import Camera, photograph
from tests.e2e.conftest import REPOSITORY

pytestmark = [pytest.mark.triton, pytest.mark.timeout(420)]

PAGE = (REPOSITORY / "docs" / "fitting.md").read_text(encoding="utf-8")
SHAPES = ("disc", "square", "triangle", "cross")
PRODUCTS, PHOTOS = 5, 12


def _picture(shape: str, pattern: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Draw a product as a studio shows it, RGB on white: its category is its shape, its pattern is its own."""
    side = 200
    mask, middle = np.zeros((side, side), np.uint8), side // 2
    if shape == "disc":
        cv2.circle(mask, (middle, middle), 85, 255, -1)
    elif shape == "square":
        cv2.rectangle(mask, (22, 22), (178, 178), 255, -1)
    elif shape == "triangle":
        cv2.fillPoly(mask, [np.array([[middle, 12], [188, 185], [12, 185]], np.int32)], (255,))
    else:
        cv2.rectangle(mask, (70, 10), (130, 190), 255, -1)
        cv2.rectangle(mask, (10, 70), (190, 130), 255, -1)
    cloth = cv2.resize(pattern, (side, side), interpolation=cv2.INTER_NEAREST)
    return np.where(mask[..., None] > 0, cloth, 255).astype(np.uint8)


def _open_shop(folder: Path) -> None:
    """Write `pictures` and `photos`, trees of category and product, as the page wants them."""
    rng = np.random.default_rng(5)
    for shape in SHAPES:
        for number in range(PRODUCTS):
            picture = _picture(shape, rng.integers(0, 200, (3, 3, 3), np.uint8))
            shelf, taken = (folder / tree / shape / f"{shape}-{number}" for tree in ("pictures", "photos"))
            shelf.mkdir(parents=True)
            taken.mkdir(parents=True)
            assert cv2.imwrite(str(shelf / "front.png"), picture[..., ::-1])
            for photo in range(PHOTOS):
                (taken / f"{photo}.jpg").write_bytes(photograph(picture, rng, camera=Camera(side_px=240, dye=(0, 0))))


async def test_the_page_leads_from_photos_to_a_report(tmp_path: Path) -> None:
    """Its four commands, typed as they stand there; the models are fitted, the scores too, and the report says so."""
    commands = re.findall(r"^    aisle (.+)$", PAGE.split("\n## ", 1)[0], re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["dataset", "fit", "index", "evaluate"]
    _open_shop(tmp_path / "shop")
    for place in ("model_repository", ".venv-triton"):
        (tmp_path / place).symlink_to(REPOSITORY / place)
    for command in commands:
        process = await asyncio.to_thread(
            subprocess.run,
            (sys.executable, "-m", "services.cli", *shlex.split(command)),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, f"aisle {command}\n{process.stderr}"
    report = json.loads((tmp_path / "build" / "evaluate" / "report.json").read_text())
    record = json.loads((tmp_path / "build" / "models" / "classifier" / "fit.json").read_text())
    assert report["models"]["classifier"]["version"] == record["classifier"]["version"]
    assert report["classifier_top1_accuracy"] > 0.8
    assert report["policies"]["adaptive"]["recall_at_1"] >= report["policies"]["baseline"]["recall_at_1"]
    assert report["policies"]["adaptive"]["score_reliability"] is not None
