"""The whole system as processes, over a small gallery of drawn pictures: built once, shared by the tests here."""

from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from services.cli.indexing import IndexJob, run_indexer
from services.cli.supervising.restarts import RestartPolicy
from services.cli.supervising.system import RunningSystem, SystemSettings, running_system, running_triton
from services.datasets import folder
from services.datasets.labelled import read_dataset

REPOSITORY = Path(__file__).parents[2]
CATEGORIES = ("Bag", "Dress", "Sneaker")
PRODUCTS_PER_CATEGORY = 5


def draw_gallery(root: Path) -> Path:
    """Draw pictures `category/product/image.png`, two of each product, that no two products share."""
    rng = np.random.default_rng(7)
    for category in CATEGORIES:
        for product in range(PRODUCTS_PER_CATEGORY):
            place = root / category / f"{category.lower()}-{product}"
            place.mkdir(parents=True)
            texture = rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)
            for view, side in enumerate((200, 260)):
                picture = cv2.resize(texture, (side, side), interpolation=cv2.INTER_CUBIC)
                assert cv2.imwrite(str(place / f"{view}.png"), picture)
    return root


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn pictures."""
    return draw_gallery(tmp_path_factory.mktemp("gallery"))


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> SystemSettings:
    """A system with a searcher for each category, so that one of them can die alone."""
    work = tmp_path_factory.mktemp("system")
    return SystemSettings(
        snapshot_root=str(work / "snapshots"),
        gateway_port=0,
        shards_per_searcher=1,
        run_folder=work / "run",
        model_repository=REPOSITORY / "model_repository",
        triton_environment=REPOSITORY / ".venv-triton",
        # A dead searcher stays away long enough for its absence to be seen.
        restarts=RestartPolicy(first_seconds=1.5),
    )


@pytest.fixture(scope="session")
async def system(
    settings: SystemSettings, gallery: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningSystem]:
    """Triton, the indexer's snapshot, a searcher per category and one for the baseline, and the gateway."""
    work = tmp_path_factory.mktemp("indexing")
    dataset = read_dataset(folder.prepare(work / "dataset", gallery))
    async with running_triton(settings.model_copy(update={"run_folder": work / "run"})) as triton:
        await run_indexer(IndexJob(dataset.catalogue, dataset.image_root, settings.snapshot_root, name="drawn"), triton)
    async with running_system(settings) as running:
        yield running
