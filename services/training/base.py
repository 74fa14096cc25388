"""The embedder that a fit starts from: its features, and the projection that turns them into embeddings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto

from services.common.errors import FailedPrecondition
from services.models.metadata import ModelInfo
from services.models.repository import read_repository
from services.training.graphs import read_graph
from services.training.projection import Projection
from services.training.surgery import Linear, cut_features

EMBEDDER = "embedder"


@dataclass(frozen=True)
class Base:
    """An embedder in a model repository, taken apart.

    Attributes:
        folder: its entry.
        file: its ONNX file.
        info: what it says about itself.
        backbone: answers `features` to `pixels`.
        projection: from features to embeddings.
    """

    folder: Path
    file: Path
    info: ModelInfo
    backbone: ModelProto
    projection: Projection

    @property
    def side(self) -> int:
        """Height and width of its input, pixels."""
        return self.info.input_height


def read_base(repository: Path) -> Base:
    """Read a repository's embedder.

    Raises:
        FailedPrecondition: the repository is incomplete, has no embedder, one that is joined with a classifier, or one
            that can't be taken apart.
    """
    found = {model.info.name: model.info for model in read_repository(repository)}
    if EMBEDDER not in found:
        raise FailedPrecondition(f"{repository} has no model {EMBEDDER} to start from")
    if found[EMBEDDER].joined:
        raise FailedPrecondition(f"{repository} has a joined model: start from the repository that it was joined from")
    folder = repository / EMBEDDER
    versions = (file for file in folder.glob("*/model.onnx") if file.parent.name.isdecimal())
    file = max(versions, key=lambda file: int(file.parent.name))
    backbone, layer = cut_features(read_graph(file))
    return Base(folder, file, found[EMBEDDER], backbone, _projection(layer))


def linear(projection: Projection) -> Linear:
    """Return a projection as a linear layer."""
    return Linear(projection.components, -projection.mean @ projection.components)


def _projection(layer: Linear) -> Projection:
    """Return a layer as a projection: with the shortest mean that moves features as its bias does."""
    mean, *_ = np.linalg.lstsq(layer.weight.T.astype(np.float64), -layer.bias.astype(np.float64))
    return Projection(mean.astype(np.float32), layer.weight)
