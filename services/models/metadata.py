"""What a model says about itself in its Triton configuration: all that gateway and indexer need to use it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from services.common.errors import FailedPrecondition
from services.models.space import Space

PIXEL_CHANNELS = 3
EMBEDDER = "embedder"
CLASSIFIER = "classifier"
JOINED = "embedder_classifier"
"""Triton's name for one model that is both: it answers as the two do, and computes their network once."""

OUTPUTS = {EMBEDDER: "embedding", CLASSIFIER: "probabilities"}
"""What each half of a joined model answers with."""


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model as served, by itself or as one half of a joined model.

    Attributes:
        name: what it is, `embedder` or `classifier`.
        version: human name of the version, such as "lite0-pca256-1".
        sha256: of its own model.onnx, 64 lower-case hexadecimal digits; a joined model answers as that file does.
        preprocessing: name of the way from region to pixels, such as "resize-square-1".
        input_height: rows of the pixels that it takes.
        input_width: columns of the pixels that it takes.
        output_size: numbers per picture that it answers with.
        max_batch_size: most pictures in one request.
        labels: categories in output order, distinct; empty for a model that is no classifier.
        joined: whether one model of Triton's, `embedder_classifier`, is both embedder and classifier.
    """

    name: str
    version: str
    sha256: str
    preprocessing: str
    input_height: int
    input_width: int
    output_size: int
    max_batch_size: int
    labels: tuple[str, ...] = ()
    joined: bool = False

    @property
    def served_by(self) -> str:
        """Triton's name for the model that answers."""
        return JOINED if self.joined else self.name

    @property
    def space(self) -> Space:
        """The space of this model's vectors."""
        return Space(model_sha256=self.sha256, preprocessing=self.preprocessing, dimension=self.output_size)


def parse_model_config(config: Any) -> tuple[ModelInfo, ...]:
    """Read what a model is from its `inference.ModelConfig` message: one model, or the two that a joined one is.

    A joined model's parameters name the file of each half, for vectors of that embedder's space are what it answers
    with, and what a snapshot has learned about that classifier is true of it.

    Raises:
        FailedPrecondition: a parameter is missing, or the tensors are not those of a picture model.
    """
    if config.name == JOINED:
        return _half(config, EMBEDDER, labelled=False), _half(config, CLASSIFIER, labelled=True)
    (output_size,) = _only(config, "output", rank=1)
    return (_info(config, config.name, output_size, labelled="labels" in config.parameters),)


def _half(config: Any, name: str, *, labelled: bool) -> ModelInfo:
    """Return one of the two that a joined model is; its own parameters begin with its name."""
    sizes = {output.name: tuple(output.dims) for output in config.output}
    size = sizes.get(OUTPUTS[name], ())
    if len(size) != 1 or min(size) < 1:
        raise FailedPrecondition(
            f"model {config.name}: needs an output {OUTPUTS[name]!r} with 1 fixed dimension beside the batch's"
        )
    return replace(_info(config, name, size[0], labelled=labelled, prefix=f"{name}_"), joined=True)


def _info(config: Any, name: str, output_size: int, *, labelled: bool, prefix: str = "") -> ModelInfo:
    parameters = {key: parameter.string_value for key, parameter in config.parameters.items()}
    height, width = _picture_size(config)
    labels = _required(config.name, parameters, "labels") if labelled else ""
    return ModelInfo(
        name=name,
        version=_required(config.name, parameters, f"{prefix}model_version"),
        sha256=_required(config.name, parameters, f"{prefix}sha256"),
        preprocessing=_required(config.name, parameters, "preprocessing"),
        input_height=height,
        input_width=width,
        output_size=output_size,
        max_batch_size=config.max_batch_size,
        labels=_labels(config.name, labels, output_size) if labelled else (),
    )


def _picture_size(config: Any) -> tuple[int, int]:
    height, width, channels = _only(config, "input", rank=3)
    if channels != PIXEL_CHANNELS:
        raise FailedPrecondition(f"model {config.name}: its input has {channels} channels, not {PIXEL_CHANNELS}")
    return height, width


def _only(config: Any, side: str, rank: int) -> tuple[int, ...]:
    """Return the dimensions (without the batch's) of the one tensor on a side of the model."""
    tensors = list(getattr(config, side))
    dims = tuple(tensors[0].dims) if len(tensors) == 1 else ()
    if len(dims) != rank or min(dims) < 1:
        raise FailedPrecondition(
            f"model {config.name}: needs exactly one {side} with {rank} fixed dimensions beside the batch's"
        )
    return dims


def _required(model: str, parameters: Mapping[str, str], key: str) -> str:
    if not parameters.get(key):
        raise FailedPrecondition(f"model {model}: config.pbtxt lacks the parameter {key!r}")
    return parameters[key]


def _labels(model: str, text: str, output_size: int) -> tuple[str, ...]:
    try:
        labels = json.loads(text)
    except json.JSONDecodeError as error:
        raise FailedPrecondition(f"model {model}: the parameter 'labels' is not JSON: {error}") from None
    if not isinstance(labels, list) or not all(isinstance(label, str) and label.strip() for label in labels):
        raise FailedPrecondition(f"model {model}: the parameter 'labels' is not a list of names")
    names = tuple(label.strip() for label in labels)
    if len(set(names)) != len(names) or len(names) != output_size:
        raise FailedPrecondition(
            f"model {model}: {len(set(names))} distinct labels (of {len(names)}) for {output_size} outputs"
        )
    return names
