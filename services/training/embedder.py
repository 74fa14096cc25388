"""The embedder: ImageNet features, a projection fitted without labels, unit length; and how well it finds products."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from services.datasets.labelled import Dataset
from services.training import projection
from services.training.backbone import Backbone
from services.training.export import export
from services.training.gathering import Pictures, gallery, photos, together
from services.training.measurements import Retrieval
from services.training.measuring import first_hit_ranks
from services.training.photos import load
from services.training.recipes import EmbedderRecipe
from services.training.sessions import run

Log = Callable[[str], None]
_CHUNK = 256  # pictures decoded at a time


class Embedder(nn.Module):  # type: ignore[misc] # torch is untyped where it is not installed
    """Pixels uint8 [N, side, side, 3] to embeddings float32 [N, D] of length 1."""

    def __init__(self, backbone: Backbone, fitted: projection.Projection) -> None:
        super().__init__()
        self.backbone = backbone
        components = torch.from_numpy(fitted.components)
        self.projection = nn.Linear(*components.shape)
        with torch.no_grad():
            self.projection.weight.copy_(components.T)
            self.projection.bias.copy_(-torch.from_numpy(fitted.mean) @ components)

    def forward(self, pixels: Tensor) -> Tensor:
        """Return the embeddings."""
        return functional.normalize(self.projection(self.backbone(pixels)))


def fit(datasets: Sequence[Dataset], recipe: EmbedderRecipe, log: Log) -> Embedder:
    """Fit the projection on studio pictures and training photos, neither with labels."""
    seen = together(
        table.some(recipe.pictures_per_table, recipe.seed)
        for dataset in datasets
        for table in (gallery(dataset), photos(dataset, "train"))
    )
    backbone = Backbone(recipe.side).eval()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "features.onnx")
        export(backbone, recipe.side, "features", file)
        features = outputs(file, seen, recipe.side, log)
    return Embedder(backbone, projection.fit(features, recipe.dimension, recipe.whitening))


def outputs(model: Path, pictures: Pictures, side: int, log: Log) -> NDArray[np.float32]:
    """Run an exported model over picture files: float32 [N, D]."""
    parts = []
    for start in range(0, len(pictures.paths), _CHUNK):
        parts.append(run(model, load(pictures.paths[start : start + _CHUNK], side), threads=0))
        log(f"{model.stem}: {min(start + _CHUNK, len(pictures.paths))} of {len(pictures.paths)} pictures")
    return np.concatenate(parts)


def retrieval(model: Path, dataset: Dataset, table: str, side: int, log: Log) -> Retrieval:
    """Search a dataset's studio pictures for the photos of a table."""
    shown, taken = gallery(dataset), photos(dataset, table)
    found = [outputs(model, pictures, side, log) for pictures in (taken, shown)]
    ranks = first_hit_ranks(found[0], taken.products, found[1], shown.products)
    return Retrieval(
        dataset=f"{dataset.name} {table}",
        photos=len(ranks),
        gallery=len(shown.paths),
        recall_at_1=float((ranks == 0).mean()),
        recall_at_5=float((ranks < 5).mean()),  # noqa: PLR2004 - the 5 of the name
        mean_reciprocal_rank=float((1 / (1 + ranks)).mean()),
    )
