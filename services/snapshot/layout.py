"""Where the parts of snapshots lie below their root. Pure."""

import re
from pathlib import PurePosixPath

from services.common.errors import SnapshotInvalid

CURRENT = "CURRENT"
CURRENT_COPY = "CURRENT.copy"
MANIFEST = "manifest.json"
SNAPSHOTS = "snapshots"

_SNAPSHOT_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")


def is_snapshot_id(name: str) -> bool:
    """Return whether a name could be that of a snapshot."""
    return _SNAPSHOT_ID.fullmatch(name) is not None


def snapshot_path(snapshot_id: str, *inner: str) -> str:
    """Return the path of a snapshot, or of a file in it, relative to the root.

    Raises:
        SnapshotInvalid: an id that can't be a folder's name, or a path that would leave the snapshot's folder.
    """
    if not is_snapshot_id(snapshot_id):
        raise SnapshotInvalid(f"{snapshot_id!r} is not a snapshot id")
    folder = PurePosixPath(SNAPSHOTS, snapshot_id)
    for path in inner:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\0" in path:
            raise SnapshotInvalid(f"{folder / MANIFEST}: {path!r} lies outside the snapshot")
    return str(folder.joinpath(*inner))
