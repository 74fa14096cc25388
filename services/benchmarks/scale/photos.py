"""Real photos for the shop: Fashion-MNIST's, embedded and classified by the models that will serve."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from services.benchmarks.scale.shop import Photos
from services.cli.supervising.system import TritonAloneSettings, running_triton
from services.common.errors import SettingsInvalid
from services.datasets.fashion_mnist import FashionOptions, prepare
from services.datasets.labelled import read_dataset
from services.indexer.answers import PhotoAnswers, ask_about_photos
from services.indexer.embedding import Pace
from services.indexer.pictures import Picture, look_at
from services.models.client import TritonModels
from services.models.metadata import CLASSIFIER, EMBEDDER, ModelInfo
from services.models.repository import read_repository
from services.photo.labelled import read_photos

_PACE = Pace(batch_size=8, in_flight=4, decode_threads=2, timeout_seconds=30.0, patience_seconds=60.0)
_ARRAYS = ("for_fitting", "vectors", "probabilities")


@dataclass(frozen=True, slots=True)
class ServedModels:
    """The models of a repository.

    Attributes:
        repository: its folder.
        embedder: what makes vectors.
        classifier: what tells categories.
    """

    repository: Path
    embedder: ModelInfo
    classifier: ModelInfo


def served_models(repository: Path) -> ServedModels:
    """Read what a model repository says about its models.

    Raises:
        FailedPrecondition: it is not in order.
        SettingsInvalid: it lacks one of the two models, or has both in one.
    """
    infos = {model.info.name: model.info for model in read_repository(repository)}
    for name in (EMBEDDER, CLASSIFIER):
        if name not in infos:
            raise SettingsInvalid(f"{repository} has no model {name!r}", field="models")
        if infos[name].joined:
            raise SettingsInvalid(
                f"{repository} has both models in one: give the repository that they were joined from", field="models"
            )
    return ServedModels(repository, infos[EMBEDDER], infos[CLASSIFIER])


async def real_photos(folder: Path, cache: Path, count: int, models: ServedModels) -> Photos:
    """Return Fashion-MNIST's photos, made and asked about unless an earlier run did.

    Args:
        folder: what is made lies here.
        cache: for downloads, shared with the demo.
        count: photos to search with; as many more are for fitting.
        models: who is asked about them.

    Raises:
        DatasetUnavailable: Fashion-MNIST can't be found or fetched.
        AisleError: Triton can't start.
    """
    dataset = read_dataset(prepare(folder / "dataset", cache, _options(count)))
    tables = [table for table in (dataset.val, dataset.queries) if table is not None]
    labelled = [(photo, table == dataset.val) for table in tables for photo in read_photos(table, dataset.image_root)]
    files = [str(dataset.image_root / photo.photo_path) for photo, _ in labelled]
    categories = [photo.category for photo, _ in labelled]
    answers = folder / "answers.npz"
    made_from = json.dumps([dict(dataset.made_from), models.embedder.sha256, models.classifier.sha256], sort_keys=True)
    if not answers.is_file() or str(np.load(answers)["made_from"]) != made_from:
        said = await _asked(files, folder / "triton", models)
        if said.unreadable:
            raise SettingsInvalid(f"{files[said.unreadable[0].row]}: {said.unreadable[0].reason}", field="photos")
        fitting = np.array([is_for_fitting for _, is_for_fitting in labelled])
        arrays = dict(zip(_ARRAYS, (fitting, said.vectors, said.probabilities), strict=True))
        np.savez(answers, made_from=np.array(made_from), **arrays)  # type: ignore[arg-type]
    with np.load(answers) as kept:
        return Photos(files, categories, *(kept[name] for name in _ARRAYS))


def gallery_pictures(folder: Path) -> list[Path]:
    """Return the files of the studio pictures that lie beside the photos of `real_photos`, by name."""
    return sorted((folder / "dataset" / "gallery").glob("*.png"))


def _options(count: int) -> FashionOptions:
    return FashionOptions(products=2 * count, queries=count, val_photos=count)


async def _asked(files: Sequence[str], run_folder: Path, models: ServedModels) -> PhotoAnswers:
    pictures = [picture for row, file in enumerate(files) if isinstance(picture := look_at(row, Path(file)), Picture)]
    ignore: Callable[[int], None] = lambda _: None  # noqa: E731 - a name for its type
    settings = TritonAloneSettings(run_folder=run_folder, model_repository=models.repository)
    async with running_triton(settings) as target:
        triton = TritonModels(target)
        try:
            return await ask_about_photos(
                pictures, triton, models.embedder, models.classifier, pace=_PACE, advance=ignore
            )
        finally:
            await triton.close()
