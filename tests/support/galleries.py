"""Small galleries of generated pictures with their catalogue, and an embedder for them that needs no Triton."""

import asyncio
import csv
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.indexer.config import IndexerSettings
from services.models.metadata import ModelInfo
from services.photo.intake import PREPROCESSING

SIDE = 8
DIMENSION = 16

MODEL = ModelInfo(
    name="embedder",
    version="fake-1",
    sha256="cd" * 32,
    preprocessing=PREPROCESSING,
    input_height=SIDE,
    input_width=SIDE,
    output_size=DIMENSION,
    max_batch_size=8,
)


@dataclass
class FakeModels:
    """Embeds by a fixed projection, and remembers what it was asked.

    Attributes:
        model: what it says about itself.
        failures: errors for the first requests, one each.
        kill_at_request: the process dies by SIGKILL when this request comes; 0 for never.
        delay_seconds: what a request takes.
        batches: pictures of each answered request.
        most_at_once: requests that were in work at the same time.
    """

    model: ModelInfo = MODEL
    failures: list[Exception] = field(default_factory=list)
    kill_at_request: int = 0
    delay_seconds: float = 0.0
    batches: list[int] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0

    def __call__(self, target: str) -> "FakeModels":
        """Connect, as the class of the real client does when it is called."""
        assert target.rpartition(":")[2].isdigit()
        return self

    async def describe(self, model: str) -> ModelInfo:
        assert model == self.model.name
        return self.model

    async def embed(self, pixels: NDArray[np.uint8], timeout_seconds: float) -> NDArray[np.float32]:
        assert timeout_seconds > 0
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.delay_seconds)
            if self.failures:
                raise self.failures.pop()
            if self.kill_at_request and len(self.batches) + 1 == self.kill_at_request:
                os.kill(os.getpid(), signal.SIGKILL)
            self.batches.append(len(pixels))
            return project(pixels)
        finally:
            self._at_once -= 1

    async def close(self) -> None:
        pass


@dataclass
class RecordedProgress:
    """Remembers stages as (name, total, done at first, done at last)."""

    stages: list[tuple[str, int, int, int]] = field(default_factory=list)

    def begin(self, stage: str, total: int, done: int = 0) -> None:
        self.stages.append((stage, total, done, done))

    def advance(self, steps: int) -> None:
        stage, total, first, last = self.stages[-1]
        self.stages[-1] = (stage, total, first, last + steps)


def project(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the fake's vectors, float32 `(n, 16)` of unit length, for uint8 `(n, height, width, 3)`."""
    flat = pixels.reshape(len(pixels), -1).astype(np.float64)
    vectors = flat @ np.random.default_rng(7).normal(size=(flat.shape[1], DIMENSION))
    unit: NDArray[np.float32] = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@dataclass(frozen=True, slots=True)
class Gallery:
    """A folder of pictures and its catalogue.

    Attributes:
        catalogue: CSV file.
        image_root: folder of the pictures.
        image_paths: of every row.
        categories: of every row.
    """

    catalogue: Path
    image_root: Path
    image_paths: Sequence[str]
    categories: Sequence[str]

    def settings(self, snapshot_root: Path | str, **changes: object) -> IndexerSettings:
        """Return settings that index this gallery."""
        return IndexerSettings.model_validate(
            {
                "catalogue": self.catalogue,
                "image_root": self.image_root,
                "snapshot_root": str(snapshot_root),
                "decode_threads": 2,
                **changes,
            }
        )


def make_gallery(folder: Path, images_of_category: Mapping[str, int]) -> Gallery:
    """Draw different pictures of noise, two per product, and write their catalogue."""
    random = np.random.default_rng(11)
    rows = []
    for category, images in images_of_category.items():
        (folder / "images" / category).mkdir(parents=True)
        for number in range(images):
            path = f"{category}/{number}.png"
            Image.fromarray(random.integers(0, 256, (12, 10, 3), dtype=np.uint8)).save(folder / "images" / path)
            rows.append((f"{category}-{number}", f"{category}-p{number // 2}", category, path, "red", 10 + number))
    with (folder / "catalogue.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image_id", "product_id", "category", "image_path", "colour", "price"))
        writer.writerows(rows)
    return Gallery(folder / "catalogue.csv", folder / "images", [row[3] for row in rows], [row[2] for row in rows])
