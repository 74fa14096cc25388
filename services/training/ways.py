"""The two ways of fitting: a head on frozen features, or the network itself."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import ModelProto

from services.common.errors import FailedPrecondition, InvalidArgument
from services.training.adapting import Adaptation, AdaptationRecipe, adapt
from services.training.base import Base, linear
from services.training.features import FeatureBank
from services.training.finishing import parity_sample, retrieval
from services.training.fitted import Fitted, FittedModel, Report, TrainingData
from services.training.head import Head, HeadRecipe
from services.training.recipes import FineTuneRecipe
from services.training.retrieval import Figures, figures, mean_gain, product_ranks
from services.training.sessions import compare, run_over
from services.training.surgery import with_linear, with_unit_length


class WayName(StrEnum):
    """How the models are fitted."""

    HEAD = "head"
    FINE_TUNE = "fine-tune"


@dataclass(frozen=True)
class Material:
    """What a way works on.

    Attributes:
        data: photos and gallery.
        bank: their features by the base's backbone.
        base: the embedder to start from.
        head: the linear classifier on those features.
        folder: for files and unfinished work.
        keep_embedder: whether the base's is served as it is, whatever could be made.
    """

    data: TrainingData
    bank: FeatureBank
    base: Base
    head: Head
    folder: Path
    keep_embedder: bool


@dataclass(frozen=True)
class Made:
    """What a way made.

    Attributes:
        fitted: the models; `embedder` is None when the base's is as good.
        adaptation: how that was decided.
        kind: of the classifier, a word in its version.
    """

    fitted: Fitted
    adaptation: Adaptation
    kind: str


@dataclass(frozen=True)
class Way:
    """A way of fitting.

    Attributes:
        name: what people call it.
        recipe: every number that its result depends on.
        make: fits the models and writes their files; raises ModelOutputInvalid when a file says something else.
    """

    name: WayName
    recipe: dict[str, Any]
    make: Callable[[Material, Report], Made]


def way_of(name: WayName, seed: int, tuning: Mapping[str, int]) -> Way:
    """Return a way.

    Args:
        name: which.
        seed: decides every lot.
        tuning: what differs from the recipe of fine-tuning, by its fields; empty for a head.

    Raises:
        InvalidArgument: a head is asked for what only fine-tuning has.
        FailedPrecondition: torch is needed and not installed.
    """
    if name is WayName.HEAD:
        if tuning:
            options = " and ".join(f"--{field.replace('_', '-')}" for field in tuning)
            raise InvalidArgument(f"a head has no {options}: leave that out, or fit fine-tune")
        recipe = {"seed": seed, **asdict(HeadRecipe()), **asdict(AdaptationRecipe())}
        return Way(name, recipe, lambda material, _: _on_frozen_features(material, seed))
    try:
        from services.training.fine_tuning import fine_tune  # noqa: PLC0415 - torch, which only this way needs
    except ModuleNotFoundError as missing:
        raise FailedPrecondition(
            f"aisle fit fine-tune needs {missing.name}, which the extra `train` installs: make train-setup, then "
            ".venv-train/bin/aisle fit fine-tune ...; aisle fit head does without"
        ) from None
    chosen = FineTuneRecipe(seed=seed, **tuning)

    def make(material: Material, report: Report) -> Made:
        learn_products = not material.keep_embedder
        fitted = fine_tune(material.data, chosen, learn_products=learn_products, folder=material.folder, report=report)
        return Made(*_better_of(fitted, material), "tuned")

    return Way(name, asdict(chosen), make)


def _better_of(fitted: Fitted, material: Material) -> tuple[Fitted, Adaptation]:
    """Leave the trained embedder out unless validation photos find more with it than with the base's."""
    if material.keep_embedder:
        return fitted, Adaptation(None, "it was to be kept")
    if fitted.embedder is None:
        return fitted, Adaptation(None, "no product has both a photo and a gallery picture to learn from")
    as_it_was, found = replace(fitted, embedder=None), retrieval(fitted.embedder, material.data)
    if found is None:
        return as_it_was, Adaptation(None, "no validation photo names a product to judge the trained one by")
    before = _found_with_base(material)
    if mean_gain(found.everywhere, before) <= 0:
        return as_it_was, Adaptation(None, "the trained one finds no more than the embedder as it is", before)
    return fitted, Adaptation(None, "it was trained", before)


def _found_with_base(material: Material) -> Figures:
    """Return what validation photos of known products find in the gallery with the base's embedder."""
    data, projection = material.data, material.base.projection
    taken = data.val.where(bool(product) for product in data.val.products)
    photos, gallery = (projection.embed(material.bank.of(pictures)) for pictures in (taken, data.gallery))
    return figures(product_ranks(photos, taken.products, gallery, data.gallery.products))


def _on_frozen_features(material: Material, seed: int) -> Made:
    """Choose a projection, and write both models; no state is kept, for the features are what takes the time."""
    base, head = material.base, material.head
    features = material.bank.of(parity_sample(material.data))
    graph = with_linear(base.backbone, head.layer, "logits")
    logits = _written(material, graph, "logits", head.layer(features))
    if material.keep_embedder:
        return Made(Fitted(logits, None), Adaptation(None, "it was to be kept"), "head")
    adaptation = adapt(material.data, material.bank, base.projection, AdaptationRecipe(), seed)
    projection = adaptation.projection
    if projection is None:
        return Made(Fitted(logits, None), adaptation, "head")
    graph = with_unit_length(with_linear(base.backbone, linear(projection), "projected"))
    return Made(Fitted(logits, _written(material, graph, "embedding", projection.embed(features))), adaptation, "head")


def _written(material: Material, graph: ModelProto, name: str, expected: NDArray[np.float32]) -> FittedModel:
    file, side = material.folder / f"{name}.onnx", material.base.side
    onnx.save(graph, str(file))
    sample = parity_sample(material.data)
    seen = run_over(file, side, sample)
    return FittedModel(file, side, compare(expected, seen, str(file), least_cosine=0.9999, largest_difference=0.05))
