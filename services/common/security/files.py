"""Small files that may change while a process runs: read again when they do, and kept as they were when that fails."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from services.common.errors import SettingsInvalid
from services.common.security.saying import say

T = TypeVar("T")

_Stamp = tuple[tuple[int, ...] | None, ...]


def read_file(path: Path, *, field: str) -> bytes:
    """Return a file's content.

    Args:
        path: the file.
        field: the setting that names it, for the error.

    Raises:
        SettingsInvalid: it can't be read; the message says why and what to do.
    """
    try:
        return path.read_bytes()
    except PermissionError:
        raise SettingsInvalid(f"{path} can't be read: let this process's user read it", field=field) from None
    except OSError as error:
        raise SettingsInvalid(f"{path} can't be read: {error.strerror}", field=field) from None


class Reloading(Generic[T]):
    """What some files say. Use it from any thread.

    They are replaced one after the other, or all at once as a cluster does with a mounted Secret; what is seen in
    between and does not fit together is not taken.

    Attributes:
        value: what they said when they were last in order.
        version: how often that has changed.
    """

    def __init__(self, paths: Sequence[Path], read: Callable[[], T]) -> None:
        """Read them.

        Args:
            paths: the files.
            read: returns what they say, which can be compared.

        Raises:
            SettingsInvalid: from `read`.
        """
        self._paths = tuple(paths)
        self._read = read
        self._lock = threading.Lock()
        self._stamp = _stamp_of(self._paths)
        self.value = read()
        self.version = 0

    def look(self) -> bool:
        """Read them again if they have changed; return whether what they say has."""
        with self._lock:
            stamp = _stamp_of(self._paths)
            if stamp == self._stamp:
                return False
            self._stamp = stamp
            files = [str(path) for path in self._paths]
            try:
                value = self._read()
            except Exception as unusable:  # noqa: BLE001 - whatever it is, those read before are in order
                # What an unforeseen error says may quote the file, and that a secret.
                error = unusable.message if isinstance(unusable, SettingsInvalid) else type(unusable).__name__
                say("warning", "files_refused", files=files, error=error, goes_on_with="those read before")
                return False
            if value == self.value:
                return False
            self.value = value
            self.version += 1
            say("info", "files_reloaded", files=files)
            return True


def _stamp_of(paths: Sequence[Path]) -> _Stamp:
    """Return what changes with the files; a link that leads to another file now is a change, too."""
    return tuple(_stamp_of_one(path) for path in paths)


def _stamp_of_one(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    # The time of the last change of rights, too: a file that could not be read may be readable now.
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
