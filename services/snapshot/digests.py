"""Size and SHA-256 of files: taken when a snapshot is written, checked before any byte of it is used."""

import hashlib
from pathlib import Path

from services.common.errors import SnapshotInvalid
from services.snapshot.manifest import FileEntry


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256, hexadecimal, in constant memory.

    Raises:
        OSError: it can't be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_entry(folder: Path, path: Path) -> FileEntry:
    """Return the manifest's entry for a file below the snapshot's folder.

    Raises:
        OSError: it can't be read.
    """
    return FileEntry(path=path.relative_to(folder).as_posix(), size_bytes=path.stat().st_size, sha256=sha256_of(path))


def verify(path: Path, entry: FileEntry, name: str) -> None:
    """Check that a file is the one of the manifest.

    Args:
        path: the local file.
        entry: what the manifest says about it.
        name: what the error calls it.

    Raises:
        SnapshotInvalid: it is missing, or its size or digest differs.
        OSError: it can't be read.
    """
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        raise SnapshotInvalid(f"{name}: the file is missing") from None
    if size_bytes != entry.size_bytes:
        raise SnapshotInvalid(f"{name}: {size_bytes} bytes, but the manifest says {entry.size_bytes}")
    if sha256_of(path) != entry.sha256:
        raise SnapshotInvalid(f"{name}: damaged, its SHA-256 is not the manifest's")
