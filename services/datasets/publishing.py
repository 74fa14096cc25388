"""Folders that appear in one step: built under another name, then renamed, so nobody ever sees half of one."""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.common.errors import CatalogueInvalid
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
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        fresh, old = scratch / "fresh", scratch / "old"
        fresh.mkdir()
        yield fresh
        if target.exists():
            target.replace(old)
        fresh.replace(target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def is_finished(folder: Path, made_from: Mapping[str, Any]) -> bool:
    """Tell whether the folder is a complete dataset made from exactly this."""
    try:
        return dict(read_dataset(folder).made_from) == dict(made_from)
    except CatalogueInvalid:
        return False
