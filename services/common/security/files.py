"""Small files that may change while a process runs: read again when they do, and kept as they were when that fails."""

import os
import stat
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

from services.common.errors import SettingsInvalid
from services.common.security.saying import say

T = TypeVar("T")

_MOST_BYTES: Final = 8 * 2**20
"""Of an access file of 10,000 callers with two tokens each, which is three megabytes, more than twice that."""

_Stamp = tuple[tuple[int, ...] | None, ...]


def read_file(path: Path, *, field: str) -> bytes:
    """Return a file's content.

    Args:
        path: the file.
        field: the setting that names it, for the error.

    Raises:
        SettingsInvalid: it can't be read, or is no small regular file; the message says why and what to do.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SettingsInvalid(f"{path} is no regular file, so what it says can't be read again", field=field)
            content = file.read(_MOST_BYTES + 1)
    except PermissionError:
        raise SettingsInvalid(f"{path} can't be read: let this process's user read it", field=field) from None
    except OSError as error:
        raise SettingsInvalid(f"{path} can't be read: {error.strerror}", field=field) from None
    if len(content) > _MOST_BYTES:
        raise SettingsInvalid(f"{path} has more than {_MOST_BYTES:,} bytes: is it the right file?", field=field)
    return content


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


def _without_waiting(path: str, flags: int) -> int:
    """Open a file; a pipe, too, for which every handshake would wait until somebody writes to it."""
    return os.open(path, flags | os.O_NONBLOCK)


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
