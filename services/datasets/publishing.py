"""Dataset folders that appear in one step, and how a finished one is recognised."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.common.errors import CatalogueInvalid
from services.common.replacing import replaced_in_one_step
from services.datasets.labelled import MANIFEST, read_dataset


@contextmanager
def folder_in_one_step(target: Path) -> Iterator[Path]:
    """Yield an empty folder beside `target`; it takes `target`'s name when the block ends without an error.

    An older `target` is replaced if it is a dataset folder or empty; after an error it stays as it was.

    Raises:
        CatalogueInvalid: `target` exists and is something else, which is not ours to delete.
    """
    if target.exists() and not (target / MANIFEST).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise CatalogueInvalid(f"{target} exists and is no dataset folder: choose another place or remove it")
    with replaced_in_one_step(target) as fresh:
        yield fresh


def is_finished(folder: Path, made_from: Mapping[str, Any]) -> bool:
    """Tell whether the folder is a complete dataset made from exactly this."""
    try:
        return dict(read_dataset(folder).made_from) == dict(made_from)
    except CatalogueInvalid:
        return False
