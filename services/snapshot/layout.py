"""Where the parts of snapshots lie below their root, on any file system that fsspec knows."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from services.common.errors import SettingsInvalid, SnapshotInvalid

CURRENT = "CURRENT"
MANIFEST = "manifest.json"

_SNAPSHOT_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")


@dataclass(frozen=True, slots=True)
class SnapshotRoot:
    """The place that holds snapshots.

    Attributes:
        url: as it was given, for messages.
        filesystem: fsspec's file system.
        path: the root in that file system's own words, without a slash at its end.
    """

    url: str
    filesystem: Any
    path: str

    @classmethod
    def at(cls, url: str | Path) -> "SnapshotRoot":
        """Open a root by fsspec URL or local path; nothing is read or made yet.

        Raises:
            SettingsInvalid: an unknown kind of URL, or one whose fsspec package is not installed.
        """
        try:
            filesystem, path = fsspec.url_to_fs(str(url))
        except (ValueError, ImportError) as error:
            raise SettingsInvalid(f"snapshot root {url}: {error}", field="snapshot_root") from None
        return cls(url=str(url).rstrip("/"), filesystem=filesystem, path=path.rstrip("/"))

    @property
    def folder(self) -> Path | None:
        """The root as a local folder; None when it is remote."""
        return Path(self.path or "/") if isinstance(self.filesystem, LocalFileSystem) else None


def snapshot_path(snapshot_id: str, *inner: str) -> str:
    """Return the path of a snapshot, or of a file in it, relative to the root.

    Raises:
        SnapshotInvalid: an id that can't be a folder's name, or a path that would leave the snapshot's folder.
    """
    if not _SNAPSHOT_ID.fullmatch(snapshot_id):
        raise SnapshotInvalid(f"{snapshot_id!r} is not a snapshot id")
    folder = PurePosixPath("snapshots", snapshot_id)
    for path in inner:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path:
            raise SnapshotInvalid(f"{folder / MANIFEST}: {path!r} lies outside the snapshot")
    return str(folder.joinpath(*inner))
