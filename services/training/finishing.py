"""From what a fit made to what is served: int8 if wanted, calibrated probabilities, and the figures of both models."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from services.relevance.break_even import break_even_accuracy
from services.training.calibration import calibration_error, fit_temperature, softmax
from services.training.fitted import FittedModel, TrainingData
from services.training.gathering import Pictures
from services.training.measurements import PARITY_PHOTOS
from services.training.photos import load
from services.training.quantising import quantise
from services.training.record import Quantised, Retrieval
from services.training.retrieval import figures, product_ranks
from services.training.sessions import compare, run_over
from services.training.surgery import with_softmax

_CALIBRATION_PHOTOS = 128  # from which the ranges of int8 activations are taken
_SEED = 20


@dataclass(frozen=True)
class Calibrated:
    """A classifier that answers with probabilities.

    Attributes:
        model: its file.
        temperature: inside its softmax.
        error_before: expected calibration error on the validation photos at temperature 1.
        error: the same at `temperature`.
        accuracy: share of the validation photos whose likeliest category is right.
    """

    model: FittedModel
    temperature: float
    error_before: float
    error: float
    accuracy: float


def parity_sample(data: TrainingData) -> Pictures:
    """Return the photos on which files are compared with the code that made them."""
    return data.val.at(range(min(PARITY_PHOTOS, len(data.val))))


def classifier_in_int8(model: FittedModel, data: TrainingData, folder: Path) -> tuple[FittedModel, Quantised]:
    """Write the classifier's int8 file to a folder; return it, and what it costs in accuracy."""
    small = _in_int8(model, data, folder)
    before, after = (accuracy(_outputs(each, data.val), data) for each in (model, small))
    return small, Quantised(figure="accuracy", float32=before, int8=after)


def embedder_in_int8(model: FittedModel, data: TrainingData, folder: Path) -> tuple[FittedModel, Quantised]:
    """Write the embedder's int8 file to a folder; return it, and what it costs in recall."""
    small = _in_int8(model, data, folder)
    before, after = (
        None if found is None else found.everywhere.recall_at_1
        for found in (retrieval(model, data), retrieval(small, data))
    )
    return small, Quantised(figure="recall@1", float32=before, int8=after)


def _in_int8(model: FittedModel, data: TrainingData, folder: Path) -> FittedModel:
    target = folder / f"{model.file.stem}.int8.onnx"
    sample = data.train.some(_CALIBRATION_PHOTOS, _SEED)
    quantise(model.file, load(sample.paths, model.side), target)
    return FittedModel(target, model.side, model.parity)


def calibrate(model: FittedModel, data: TrainingData, folder: Path) -> Calibrated:
    """Fit the temperature to validation photos and put it, with the softmax, into a graph in a folder.

    Raises:
        ModelOutputInvalid: the file does not say softmax(logits / temperature).
    """
    logits = _outputs(model, data.val).astype(np.float64)
    labels = data.val.labels(data.categories)
    temperature = fit_temperature(logits, labels)
    served = FittedModel(folder / "probabilities.onnx", model.side, model.parity)
    onnx.save(with_softmax(onnx.load(str(model.file)), temperature), str(served.file))
    sample = parity_sample(data)
    expected = softmax(logits[: len(sample)], temperature).astype(np.float32)
    compare(expected, _outputs(served, sample), str(served.file), least_cosine=0.9999, largest_difference=1e-3)
    before, after = (calibration_error(softmax(logits, t), labels) for t in (1.0, temperature))
    return Calibrated(served, temperature, before, after, accuracy(logits, data))


def accuracy(logits: NDArray[np.floating], data: TrainingData) -> float:
    """Return the share of the validation photos whose largest logit is that of their category."""
    return float((logits.argmax(axis=1) == data.val.labels(data.categories)).mean())


def retrieval(model: FittedModel, data: TrainingData) -> Retrieval | None:
    """Search the gallery for the validation photos, everywhere and in the right category; None where none is known."""
    taken = data.val.where(bool(product) for product in data.val.products)
    if not len(taken):
        return None
    photos, shown = _outputs(model, taken), _outputs(model, data.gallery)
    gallery = (shown, data.gallery.products)
    everywhere = figures(product_ranks(photos, taken.products, *gallery))
    in_category = figures(product_ranks(photos, taken.products, *gallery, data.gallery.categories))
    base = everywhere.values()
    break_even = break_even_accuracy(base, in_category.values()) if min(base) > 0 else None
    return Retrieval(photos=len(taken), everywhere=everywhere, in_category=in_category, break_even=break_even)


def _outputs(model: FittedModel, pictures: Pictures) -> NDArray[np.float32]:
    return run_over(model.file, model.side, pictures)
