"""The embedder: ImageNet features, a projection fitted without labels, unit length; and how well it finds products."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from services.datasets.labelled import Dataset
from services.training import projection
from services.training.backbone import Backbone
from services.training.cards import Found
from services.training.export import export
from services.training.gathering import gallery, photos, together
from services.training.recipes import EmbedderRecipe
from services.training.retrieval import figures, product_ranks
from services.training.sessions import run_over

Log = Callable[[str], None]


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
        log(f"features of {len(seen):,} pictures")
        features = run_over(file, recipe.side, seen)
    return Embedder(backbone, projection.fit(features, recipe.dimension, recipe.whitening))


def retrieval(model: Path, dataset: Dataset, table: str, side: int, log: Log) -> Found:
    """Search a dataset's studio pictures for the photos of a table, all of which must name their product."""
    shown, taken = gallery(dataset), photos(dataset, table)
    log(f"{dataset.name} {table}: {len(taken):,} photos among {len(shown):,} pictures")
    queries, pictures = (run_over(model, side, each) for each in (taken, shown))
    found = figures(product_ranks(queries, taken.products, pictures, shown.products))
    return Found(f"{dataset.name} {table}", len(taken), len(shown), found)
