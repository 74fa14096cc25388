"""The job from dataset folders to the committed embedder's entry of the model repository."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.datasets.labelled import Dataset
from services.models.golden import golden_picture
from services.photo.intake import PREPROCESSING
from services.training import cards, embedder
from services.training.export import check_parity, export
from services.training.gathering import photos
from services.training.measurements import PARITY_PHOTOS
from services.training.measuring import cpu_ms_per_photo, machine
from services.training.photos import load
from services.training.recipes import EmbedderRecipe
from services.training.repository import EMBEDDER_SERVING, ModelEntry, write_entry
from services.training.sessions import run

Log = Callable[[str], None]


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
        sample = photos(validation[0].dataset, validation[0].table).paths[:PARITY_PHOTOS]
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
                serving=EMBEDDER_SERVING,
            ),
        )
