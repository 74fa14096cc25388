"""Files whose bytes are on the disk, and not only on their way to it; and what is said when it has no room for them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durably(path: Path, text: str) -> None:
    """Write a text file and wait until the disk has it.

    Raises:
        OSError: it can't be written.
    """
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def flush(path: Path) -> None:
    """Force a file's bytes, or a folder's names, onto the disk.

    Raises:
        OSError: it can't be done.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def naming(place: Path) -> Iterator[None]:
    """Let a block write below a place: the system's errors that name no file, of a full disk say, then name that."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None:
            error.filename = str(place)
        raise
