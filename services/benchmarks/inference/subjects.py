"""The model files that are compared: one network at several input sizes, a head fitted to each, and a classifier."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import onnx

from services.datasets.labelled import Dataset
from services.training.base import Base, linear
from services.training.features import extract
from services.training.fitted import TrainingData
from services.training.gathering import Pictures
from services.training.head import HeadRecipe, fit_head
from services.training.inputs import read_tables, settle
from services.training.joining import join
from services.training.photos import load
from services.training.quantising import quantise
from services.training.surgery import with_linear, with_softmax, with_unit_length

_SEED: Final = 20
_RANGES_FROM: Final = 128
"""Training photos from which the ranges of int8 activations are taken, as in `aisle fit --int8`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One network at one input size.

    Attributes:
        name: `name`-`side` is unlike any other.
        side: of its input, pixels.
        files: by precision.
    """

    name: str
    side: int
    files: dict[str, Path]

    @property
    def key(self) -> str:
        """A name for files and tables."""
        return f"{self.name}-{self.side}"


def training_data(dataset: Dataset, most_photos: int) -> TrainingData:
    """Return what heads are fitted to and judged by, with so many photos to learn from at most.

    Raises:
        CatalogueInvalid: the dataset can't be fitted to.
    """
    data = settle(read_tables(dataset), _SEED).data
    return replace(data, train=data.train.some(most_photos, _SEED))


def networks(
    base: Base, data: TrainingData, sides: Sequence[int], folder: Path, say: Callable[[str], None]
) -> list[Subject]:
    """Return the embedder's network at each size: its projection as it is, a head fitted to that size, in one model.

    Args:
        base: the embedder.
        data: photos.
        sides: sizes of its input, pixels.
        folder: for files; features that an earlier call left there are taken up.
        say: hears of every step.
    """
    return [_network(base, data, side, folder / f"network-{side}", say) for side in sides]


def classifier(file: Path, side: int, data: TrainingData, folder: Path) -> Subject:
    """Return a classifier as it is, and in int8."""
    return Subject("classifier", side, {"fp32": file, "int8": _in_int8(file, side, data.train, folder)})


def _network(base: Base, data: TrainingData, side: int, folder: Path, say: Callable[[str], None]) -> Subject:
    folder.mkdir(parents=True, exist_ok=True)
    backbone = resized(base.backbone, side)
    features = folder / "features.onnx"
    onnx.save(backbone, str(features))
    say(f"a head at {side} pixels, from {len(data.train):,} photos")
    photos, shown = [*data.train.paths, *data.val.paths], data.gallery.paths
    bank = extract(features, side, photos, shown, folder=folder / "features", progress=lambda *_: None)
    head = fit_head(data, bank, HeadRecipe(), lambda _: None)
    embedding = with_unit_length(with_linear(backbone, linear(base.projection), "projected"))
    probabilities = with_softmax(with_linear(backbone, head.layer, "logits"), 1.0)
    file = folder / "fp32.onnx"
    onnx.save(join(embedding, probabilities), str(file))
    return Subject("one network", side, {"fp32": file, "int8": _in_int8(file, side, data.train, folder)})


def resized(model: onnx.ModelProto, side: int) -> onnx.ModelProto:
    """Return a convolutional network for pictures of another size; it has no layer that depends on theirs."""
    other = onnx.ModelProto()
    other.CopyFrom(model)
    _, height, width, _ = other.graph.input[0].type.tensor_type.shape.dim
    height.dim_value = width.dim_value = side
    del other.graph.value_info[:]
    return other


def _in_int8(file: Path, side: int, train: Pictures, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / "int8.onnx"
    quantise(file, np.asarray(load(train.some(_RANGES_FROM, _SEED).paths, side)), target)
    return target
