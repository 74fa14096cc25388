"""The digest of what a dataset's snapshot is made from: has the dataset or have the models changed since?"""

import hashlib
from pathlib import Path

from services.datasets.labelled import MANIFEST, read_dataset
from services.models.repository import read_repository


def digest_of_inputs(dataset_folder: Path, model_repository: Path) -> str:
    """Return the digest of a dataset's tables and of the models, hexadecimal.

    Raises:
        CatalogueInvalid: it is no dataset folder.
        FailedPrecondition: it is no model repository.
    """
    dataset = read_dataset(dataset_folder)
    tables = [dataset_folder / MANIFEST, dataset.catalogue, *([dataset.val] if dataset.val is not None else [])]
    told = [hashlib.sha256(table.read_bytes()).hexdigest() for table in tables]
    for model in read_repository(model_repository):
        told += [model.info.name, model.info.sha256, model.info.preprocessing]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()
