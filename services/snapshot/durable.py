"""Files whose bytes are on the disk, and not only on their way to it."""

import os
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
