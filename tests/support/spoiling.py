"""A snapshot's files, spoilt after they were published and given out as they lie there."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from services.snapshot.manifest import FileEntry, Manifest
from services.snapshot.tables import read_table, write_table


class UnverifiedFiles:
    """Gives files out as they lie there: what is tested with it comes after the digests."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch(self, _manifest: Manifest, entry: FileEntry) -> Path:
        """Return where the file lies."""
        return self._folder / entry.path


def columns_changed(name: str, change: Callable[[pa.Table], pa.Table]) -> Callable[[Path], None]:
    """Return what rewrites a table of the shard."""

    def rewrite(folder: Path) -> None:
        path = folder / name
        changed = change(read_table(path))
        path.unlink()  # what is mapped must not be overwritten
        write_table(path, changed)

    return rewrite
