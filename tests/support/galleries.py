"""Small galleries of generated pictures with their catalogue, and an embedder for them that needs no Triton."""

import asyncio
import csv
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.common.errors import ModelUnavailable
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
LABELS = ("Ankle boot", "Bag", "Coat", "Dress")
CLASSIFIER = replace(MODEL, name="classifier", sha256="ef" * 32, output_size=len(LABELS), labels=LABELS)


@dataclass
class FakeModels:
    """Embeds by a fixed projection, classifies by the mean brightness, and remembers what it was asked.

    Attributes:
        model: what the embedder says about itself.
        classifier: likewise; None for a Triton without one.
        failures: errors for the first requests, one each.
        classifier_failures: likewise for those to the classifier.
        kill_at_request: the process dies by SIGKILL when this request comes; 0 for never.
        delay_seconds: what a request takes.
        meanwhile: what somebody else does while the first request is in work; None for nothing.
        batches: pictures of each answered request.
        most_at_once: requests that were in work at the same time.
    """

    model: ModelInfo = MODEL
    classifier: ModelInfo | None = CLASSIFIER
    failures: list[Exception] = field(default_factory=list)
    classifier_failures: list[Exception] = field(default_factory=list)
    kill_at_request: int = 0
    delay_seconds: float = 0.0
    meanwhile: Callable[[], object] | None = None
    batches: list[int] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0

    def __call__(self, target: str) -> "FakeModels":
        """Connect, as the class of the real client does when it is called."""
        assert target.rpartition(":")[2].isdigit()
        return self

    async def describe(self, model: str) -> ModelInfo:
        if model == self.model.name:
            return self.model
        if self.classifier is None:
            raise ModelUnavailable(f"model {model} is not served")
        return self.classifier

    async def embed(self, pixels: NDArray[np.uint8], timeout_seconds: float) -> NDArray[np.float32]:
        assert timeout_seconds > 0
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.delay_seconds)
            meanwhile, self.meanwhile = self.meanwhile, None
            if meanwhile is not None:
                await asyncio.to_thread(meanwhile)
            if self.failures:
                raise self.failures.pop()
            if self.kill_at_request and len(self.batches) + 1 == self.kill_at_request:
                os.kill(os.getpid(), signal.SIGKILL)
            self.batches.append(len(pixels))
            return project(pixels)
        finally:
            self._at_once -= 1

    async def classify(self, pixels: NDArray[np.uint8], timeout_seconds: float) -> NDArray[np.float32]:
        assert timeout_seconds > 0
        assert self.classifier is not None
        assert pixels.shape[1:3] == (self.classifier.input_height, self.classifier.input_width)
        if self.classifier_failures:
            raise self.classifier_failures.pop()
        return brightness(pixels)

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


def brightness(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the fake's probabilities of `LABELS`, float32 `(n, 4)`: sure of the n-th for the n-th quarter of grey."""
    means = pixels.reshape(len(pixels), -1).mean(axis=1)
    distances = np.abs(means[:, np.newaxis] - (32 + 64 * np.arange(len(LABELS))))
    odds = np.exp(-distances / 4)
    shares: NDArray[np.float32] = (odds / odds.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


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


def make_photos(folder: Path, gallery: Gallery, *, noise: float = 40.0, categories: Sequence[str] = LABELS) -> Path:
    """Photograph every picture of a gallery below `folder`, with noise, and return the table of the photos.

    Each photo is as bright as the fake classifier expects of its category, so that it is right about all of them.
    """
    random = np.random.default_rng(12)
    (folder / "photos").mkdir()
    with (folder / "photos.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("photo_path", "product_id", "category"))
        for row, (path, category) in enumerate(zip(gallery.image_paths, gallery.categories, strict=True)):
            picture = np.asarray(Image.open(gallery.image_root / path), np.float64)
            shaken = 0.3 * (picture - picture.mean()) + random.normal(0, noise * 0.3, picture.shape)
            bright = shaken - shaken.mean() + 32 + 64 * categories.index(category)
            Image.fromarray(np.clip(bright, 0, 255).astype(np.uint8)).save(folder / "photos" / f"{row}.png")
            number = int(Path(path).stem)
            writer.writerow((f"photos/{row}.png", f"{category}-p{number // 2}", category))
    return folder / "photos.csv"
