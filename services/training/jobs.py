"""The two training jobs from dataset folders to entries of the model repository."""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from services.datasets.labelled import Dataset
from services.models.golden import golden_picture
from services.photo.intake import PREPROCESSING
from services.training import cards, classifier, embedder
from services.training.calibration import expected_calibration_error, fit_temperature, softmax
from services.training.export import check_parity, export, run
from services.training.gathering import category_names, gallery, photos, together
from services.training.measurements import Quality
from services.training.measuring import cpu_ms_per_photo, machine
from services.training.photos import load
from services.training.quality import judge
from services.training.recipes import ClassifierRecipe, EmbedderRecipe
from services.training.repository import ModelEntry, Serving, write_entry

Log = Callable[[str], None]
_PARITY_PHOTOS = 64
_CROP_MARGIN = 13 / 9  # photos are kept that much larger than the input, for the augmentation to crop


@dataclass(frozen=True)
class Validation:
    """A dataset and the table (`val` or `queries`) whose photos may guide choices."""

    dataset: Dataset
    table: str


def make_embedder(
    datasets: Sequence[Dataset], validation: Sequence[Validation], repository: Path, *, command: str, log: Log
) -> Path:
    """Fit the embedder, check it, and write its entry.

    Args:
        datasets: studio pictures and `train` photos to fit to.
        validation: what the card's figures come from.
        repository: the model repository.
        command: how this was started, for the card.
        log: told how far the job is.

    Returns:
        The entry's folder.
    """
    recipe = EmbedderRecipe()
    module = embedder.fit(datasets, recipe, log)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "embedder.onnx")
        export(module, recipe.side, "embedding", file)
        sample = photos(validation[0].dataset, validation[0].table).paths[:_PARITY_PHOTOS]
        parity = check_parity(module, file, load(sample, recipe.side), least_cosine=0.9999, largest_difference=2e-3)
        found = [embedder.retrieval(file, v.dataset, v.table, recipe.side, log) for v in validation]
        cpu_ms = cpu_ms_per_photo({"embedder": (file, recipe.side)})["embedder"]
        card = cards.embedder_card(recipe, found, parity, cpu_ms=cpu_ms, command=command, machine=machine())
        return write_entry(
            repository,
            ModelEntry(
                name="embedder",
                onnx=file,
                side=recipe.side,
                output="embedding",
                golden=run(file, golden_picture(recipe.side, recipe.side)[None])[0],
                tolerance=2e-3,
                card=card,
                parameters={
                    "model_version": f"lite0-pca{recipe.dimension}-1",
                    "preprocessing": PREPROCESSING,
                },
                serving=Serving(instances=2),
            ),
        )


class _Probabilities(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """The classifier as it is served: softmax of its logits over the temperature."""

    def __init__(self, trained: classifier.Classifier, temperature: float) -> None:
        super().__init__()
        self.trained = trained
        self.temperature = temperature

    def forward(self, pixels: Tensor) -> Tensor:
        return (self.trained(pixels) / self.temperature).softmax(dim=1)


def make_classifier(
    datasets: Sequence[Dataset],
    tests: Sequence[Dataset],
    repository: Path,
    *,
    checkpoint: Path,
    command: str,
    log: Log,
) -> Path:
    """Train the classifier (or go on from `checkpoint`), calibrate and check it, and write its entry.

    Args:
        datasets: `train` and `val` photos to learn from.
        tests: datasets whose `queries` are judged for the card, once, at the end.
        repository: must hold the embedder's entry, whose CPU time is the measure of the classifier's.
        checkpoint: file that keeps the state after each epoch.
        command: how this was started, for the card.
        log: told how far the job is.

    Returns:
        The entry's folder.
    """
    recipe = ClassifierRecipe()
    taken = {table: [photos(dataset, table) for dataset in datasets] for table in ("train", "val")}
    names = category_names(taken["train"])
    train, val = (together(taken[table]) for table in ("train", "val"))
    log(f"{len(names)} categories, {len(train.paths)} training and {len(val.paths)} validation photos")
    val_photos = classifier.LabelledPixels(load(val.paths, recipe.side), val.labels(names))
    trained = classifier.fit(
        classifier.LabelledPixels(load(train.paths, round(recipe.side * _CROP_MARGIN)), train.labels(names)),
        val_photos,
        len(names),
        recipe,
        checkpoint=checkpoint,
        report=lambda epoch: log(str(epoch)),
    )
    frozen = classifier.Frozen(trained.backbone, recipe.side)
    logits = classifier.predict(trained, frozen(val_photos.pixels))
    temperature = fit_temperature(logits, val_photos.labels)
    errors = [expected_calibration_error(softmax(logits, t), val_photos.labels) for t in (1.0, temperature)]
    served = _Probabilities(trained, temperature).eval()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "classifier.onnx")
        export(served, recipe.side, "probabilities", file)
        parity = check_parity(
            served, file, val_photos.pixels[:_PARITY_PHOTOS], least_cosine=0.9999, largest_difference=1e-2
        )
        embedder_side = EmbedderRecipe().side
        cpu_ms = cpu_ms_per_photo(
            {"classifier": (file, recipe.side), "embedder": (repository / "embedder/1/model.onnx", embedder_side)}
        )
        card = cards.classifier_card(
            recipe,
            [_judge(test, file, recipe.side, names) for test in tests],
            parity,
            categories=len(names),
            calibration=(temperature, errors[0], errors[1]),
            cpu_ms=(cpu_ms["classifier"], cpu_ms["embedder"]),
            command=command,
            machine=machine(),
        )
        return write_entry(
            repository,
            ModelEntry(
                name="classifier",
                onnx=file,
                side=recipe.side,
                output="probabilities",
                golden=run(file, golden_picture(recipe.side, recipe.side)[None])[0],
                tolerance=5e-3,
                card=card,
                parameters={
                    "model_version": f"lite0-tlc{len(names)}-1",
                    "preprocessing": PREPROCESSING,
                    "labels": json.dumps(names, ensure_ascii=False),
                },
            ),
        )


def _judge(test: Dataset, file: Path, side: int, names: Sequence[str]) -> Quality:
    queries = photos(test, "queries")
    probabilities = run(file, load(queries.paths, side), threads=0).astype(np.float64)
    return judge(test, queries, gallery(test).categories, probabilities, names)
