"""This machine's copies of a remote root's files, by digest: checked at each use, removed when no snapshot has them.

Processes share the folder without a lock. A file gets its name in one step when it is whole and verified; what a
process has mapped stays mapped when the name goes.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.common.errors import SnapshotInvalid
from services.snapshot.digests import verify
from services.snapshot.manifest import FileEntry

_SCRATCH: Final = ".download-"
_IN_USE_SECONDS: Final = 3_600.0
"""A file that was asked for so lately may be about to be mapped."""
_LOCKED_BY_NOW_SECONDS: Final = 60.0
"""A download holds its lock from its first moment on; a younger one may not have come to that."""


class DigestCache:
    """A folder of verified files; made when the first one comes."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is used for nothing else."""
        self._folder = folder

    def fetch(self, entry: FileEntry, name: str, download: Callable[[Path], None], *, trusted: bool) -> Path:
        """Return the local path of a file whose size and SHA-256 were just checked.

        Args:
            entry: the file.
            name: what errors call it.
            download: writes it to a path.
            trusted: whether a sound copy that is here will do; else it is downloaded in any case.

        Raises:
            SnapshotInvalid: what was downloaded is damaged; it does not stay here.
            OSError: the folder can't be written.
        """
        cached = self._folder / entry.sha256
        if trusted and self._is_sound(cached, entry, name):
            return cached
        self._folder.mkdir(parents=True, exist_ok=True)
        # A download of its own for each reader; only what was verified gets the name that others trust.
        with self._scratch() as scratch:
            file = scratch / "file"
            download(file)
            verify(file, entry, name)
            file.replace(cached)
        return cached

    def tidy(self, needed: Collection[str]) -> None:
        """Remove downloads whose process has died, and files that nobody needs and nobody has asked for of late.

        Args:
            needed: digests of the files that some snapshot has.
        """
        for path in self._folder.glob(f"{_SCRATCH}*"):
            _remove_orphan(path)
        for path in self._folder.glob("[!.]*"):
            if path.name not in needed and _age_seconds(path) > _IN_USE_SECONDS:
                path.unlink(missing_ok=True)

    def _is_sound(self, cached: Path, entry: FileEntry, name: str) -> bool:
        try:
            os.utime(cached)
            verify(cached, entry, name)
        except (FileNotFoundError, SnapshotInvalid):  # a damaged cache is no damaged snapshot: take it again
            cached.unlink(missing_ok=True)
            return False
        return True

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=_SCRATCH) as name:
            lock = os.open(name, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield Path(name)
            finally:
                os.close(lock)


def _remove_orphan(scratch: Path) -> None:
    """Remove a download's folder unless a live process holds its lock."""
    if _age_seconds(scratch) < _LOCKED_BY_NOW_SECONDS:
        return
    try:
        lock = os.open(scratch, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os.close(lock)


def _age_seconds(path: Path) -> float:
    """Return for how long a file was not touched; 0 for one that has just gone."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
