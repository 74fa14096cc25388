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
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from services.common.errors import SnapshotInvalid, Unavailable
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
            download: writes it to a path; what it raises is an AisleError.
            trusted: whether a sound copy that is here will do; else it is downloaded in any case.

        Raises:
            SnapshotInvalid: what was downloaded is damaged; it does not stay here.
            Unavailable: the storage does not give it, or the folder can't be written; names the folder.
        """
        cached = self._folder / entry.sha256
        if trusted and _is_sound(cached, entry, name):
            return cached
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # A download of its own for each reader; only what was verified gets the name that others trust.
            with self._scratch() as scratch:
                file = scratch / "file"
                download(file)
                verify(file, entry, name)
                if cached.is_dir() and not cached.is_symlink():
                    shutil.rmtree(cached)
                file.replace(cached)
        except Unavailable as error:  # the storage's fault, or that of a disk without room
            raise Unavailable(f"{error.message} (to be copied to {self._folder})") from error
        except OSError as error:  # of its file only the reason: the name is another one each time
            raise Unavailable(f"the cache folder {self._folder}: {error.strerror or error}") from error
        return cached

    def tidy(self, needed: Collection[str]) -> None:
        """Remove downloads whose process has died, and files that nobody needs and nobody has asked for of late.

        Args:
            needed: digests of the files that some snapshot has.
        """
        for path in self._folder.glob("*"):
            with suppress(OSError):  # it has just gone, a live process has it, or it is nothing of ours
                if path.name.startswith(_SCRATCH):
                    _remove_orphan(path)
                elif path.name not in needed and path.is_file() and _age_seconds(path) > _IN_USE_SECONDS:
                    path.unlink()

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=_SCRATCH) as name:
            lock = os.open(name, os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield Path(name)
            finally:
                os.close(lock)


def _is_sound(cached: Path, entry: FileEntry, name: str) -> bool:
    """Return whether a copy is here that can be used; a damaged cache is no damaged snapshot, whatever lies there."""
    try:
        os.utime(cached)
        verify(cached, entry, name)
    except (OSError, SnapshotInvalid):
        return False
    return True


def _remove_orphan(scratch: Path) -> None:
    """Remove a download's folder.

    Raises:
        OSError: it has just gone, or a live process holds its lock.
    """
    if _age_seconds(scratch) < _LOCKED_BY_NOW_SECONDS:
        return
    lock = os.open(scratch, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(scratch, ignore_errors=True)
    finally:
        os.close(lock)


def _age_seconds(path: Path) -> float:
    """Return for how long a file was not touched."""
    return time.time() - path.stat().st_mtime
