"""`aisle snapshot prune`: removes old snapshots, but no file that a snapshot which stays has.

A snapshot that goes loses its manifest first: from then on nobody takes it for one, whatever dies when. Files that
later snapshots share stay in its folder, and go with the last of those.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from services.common.errors import SnapshotInvalid, SnapshotNotFound
from services.snapshot.layout import MANIFEST, snapshot_path
from services.snapshot.manifest import Manifest
from services.snapshot.retention import needed_files, removal_order, staying
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from services.snapshot.writer_lock import writer_lock

_FIRST_SHARING_SCHEMA: Final = 3
_UNFINISHED: Final = timedelta(days=1)
"""A folder without a manifest may be an upload at work until it is that old."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What pruning removes.

    Attributes:
        snapshot_ids: snapshots that go, oldest first.
        files: how many files go, with those that earlier prunings had to leave.
        freed_bytes: what they take.
    """

    snapshot_ids: tuple[str, ...]
    files: int
    freed_bytes: int


def prune(
    root_url: str,
    keep: int,
    *,
    work_root: Path,
    dry_run: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Pruned:
    """Remove all but the last snapshots; the current one stays, and every file that one which stays has.

    Args:
        root_url: folder or fsspec URL.
        keep: how many of the last snapshots to keep, at least 1.
        work_root: where the writers' lock is when the root is remote.
        dry_run: only say what would go.
        now: the time, for the age of folders without a manifest.

    Raises:
        SnapshotNotFound: nothing was published here yet.
        SnapshotInvalid: a manifest can't be read, so that nobody knows whose files it shares; names it.
        FailedPrecondition: another writer is at work.
        Unavailable: the root can't be read, or a file not removed; the same command again goes on.
    """
    root, store = SnapshotRoot.at(root_url), SnapshotStore(root_url)
    store.current_id()  # a root with a typing error in it must not be made
    with writer_lock(root, work_root):
        files = {snapshot_id: root.files_of(snapshot_id) for snapshot_id in root.snapshot_ids()}
        manifests = _manifests(store, root, files)
        stay = staying(list(manifests), store.current_id(), keep)
        needed = needed_files(manifest for name, manifest in manifests.items() if name in stay and manifest is not None)
        young = f"{now() - _UNFINISHED:%Y%m%dT%H%M%SZ}"
        going = {
            snapshot_id: files[snapshot_id].keys() - needed.get(snapshot_id, frozenset())
            for snapshot_id in files
            if snapshot_id not in stay and (snapshot_id in manifests or snapshot_id < young)
        }
        if not dry_run:
            for snapshot_id, paths in going.items():
                _remove(root, snapshot_id, removal_order(paths))
    return Pruned(
        tuple(snapshot_id for snapshot_id in going if snapshot_id in manifests),
        sum(len(paths) for paths in going.values()),
        sum(files[snapshot_id][path] for snapshot_id, paths in going.items() for path in paths),
    )


def _manifests(
    store: SnapshotStore, root: SnapshotRoot, files: Mapping[str, Mapping[str, int]]
) -> dict[str, Manifest | None]:
    """Return the manifest of every snapshot that has one; None for one of a schema in which nothing was shared yet."""
    manifests: dict[str, Manifest | None] = {}
    for snapshot_id, paths in files.items():
        if MANIFEST not in paths:
            continue
        try:
            manifests[snapshot_id] = store.manifest(snapshot_id)
        except SnapshotNotFound:  # somebody has just removed it
            continue
        except SnapshotInvalid as invalid:
            if not _shares_nothing(root.read(snapshot_path(snapshot_id, MANIFEST))):
                raise SnapshotInvalid(
                    f"{invalid.message}; which files it shares is not known, so nothing is removed: mend the file, or "
                    "remove it when nobody needs that snapshot"
                ) from None
            manifests[snapshot_id] = None
    return manifests


def _shares_nothing(content: bytes | None) -> bool:
    try:
        version = json.loads(content or b"").get("schema_version")
    except (ValueError, AttributeError, RecursionError):
        return False
    return isinstance(version, int) and version < _FIRST_SHARING_SCHEMA


def _remove(root: SnapshotRoot, snapshot_id: str, paths: list[str]) -> None:
    for path in paths:
        root.remove(snapshot_path(snapshot_id, path))
    folder = root.folder
    if folder is not None:
        inner = sorted((folder / snapshot_path(snapshot_id)).rglob("*/"), reverse=True)
        for each in (*inner, folder / snapshot_path(snapshot_id)):
            with suppress(OSError):  # files that others share are still there
                each.rmdir()
