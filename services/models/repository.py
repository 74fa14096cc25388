"""The model repository as files: configurations, model files with their digests, golden answers."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import text_format
from numpy.typing import NDArray
from tritonclient.grpc import model_config_pb2

from services.common.errors import FailedPrecondition
from services.models.golden import GOLDEN_PICTURE
from services.models.metadata import JOINED, ModelInfo, parse_model_config


@dataclass(frozen=True, slots=True, eq=False)
class GoldenAnswer:
    """What a model must answer to the golden picture.

    Attributes:
        output: float32 ``(size,)``.
        tolerance: largest difference of an entry, and of the cosine from 1.
    """

    output: NDArray[np.float32]
    tolerance: float


@dataclass(frozen=True, slots=True, eq=False)
class RepositoryModel:
    """One model on disk whose files agree with each other; a joined one is two of these."""

    info: ModelInfo
    golden: GoldenAnswer


def read_repository(folder: Path) -> tuple[RepositoryModel, ...]:
    """Read and check every model of a repository.

    Raises:
        FailedPrecondition: there is no model, one is incomplete or not the file that its configuration names, or a
            joined one lies beside one that it is, too.
    """
    models = tuple(model for config in sorted(folder.glob("*/config.pbtxt")) for model in _read_models(config.parent))
    if not models:
        raise FailedPrecondition(f"{folder} is no model repository: it has no <model>/config.pbtxt")
    names = [model.info.name for model in models]
    if len(set(names)) != len(names):
        raise FailedPrecondition(
            f"{folder} has {JOINED} beside an embedder or a classifier of its own, and nobody could tell which one is "
            "meant: keep them in folders of their own"
        )
    return models


def _read_models(folder: Path) -> Iterator[RepositoryModel]:
    try:
        config = text_format.Parse((folder / "config.pbtxt").read_text(), model_config_pb2.ModelConfig())
    except text_format.ParseError as error:
        raise FailedPrecondition(f"model {folder.name}: config.pbtxt can't be read: {error}") from None
    infos = parse_model_config(config)
    _check_digest(_model_file(folder, config.default_model_filename or "model.onnx"), config)
    for info in infos:
        yield RepositoryModel(info=info, golden=_read_golden(folder, info))


def _model_file(folder: Path, name: str) -> Path:
    """Return the model file of the highest version, which is the one that Triton serves by default."""
    versions = [version for version in folder.iterdir() if version.is_dir() and version.name.isdecimal()]
    if not versions:
        raise FailedPrecondition(f"model {folder.name}: has no version folder")
    return max(versions, key=lambda version: int(version.name)) / name


def _check_digest(file: Path, config: Any) -> None:
    try:
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    except FileNotFoundError:
        raise FailedPrecondition(f"model {config.name}: {file} is missing") from None
    stated = config.parameters["sha256"].string_value
    if digest != stated:
        raise FailedPrecondition(f"model {config.name}: {file} has SHA-256 {digest}, config.pbtxt says {stated}")


def golden_file(info: ModelInfo) -> str:
    """Return the name of the file with a model's golden answer; a joined model has one for each half."""
    return f"golden.{info.name}.json" if info.joined else "golden.json"


def _read_golden(folder: Path, info: ModelInfo) -> GoldenAnswer:
    name = golden_file(info)
    try:
        golden = json.loads((folder / name).read_text())
        picture, tolerance = golden["picture"], float(golden["tolerance"])
        output = np.asarray(golden["output"], dtype=np.float32)
    except FileNotFoundError:
        raise FailedPrecondition(f"model {info.served_by}: {name} is missing") from None
    except (KeyError, TypeError, ValueError) as error:
        raise FailedPrecondition(f"model {info.served_by}: {name} can't be read: {error!r}") from None
    if picture != GOLDEN_PICTURE or output.shape != (info.output_size,):
        raise FailedPrecondition(
            f"model {info.served_by}: {name} has {output.shape} numbers for the picture {picture!r}, "
            f"needed are {info.output_size} for {GOLDEN_PICTURE!r}"
        )
    return GoldenAnswer(output=output, tolerance=tolerance)
