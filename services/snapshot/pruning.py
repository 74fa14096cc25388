"""`aisle snapshot prune`: removes old snapshots, but no file that a snapshot which stays has.

A snapshot that goes loses its manifest first: from then on nobody takes it for one, whatever dies when. Files that
later snapshots share stay in its folder, and go with the last of those.
"""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.common.errors import FailedPrecondition, SnapshotInvalid, SnapshotNotFound
from services.snapshot.layout import MANIFEST, snapshot_path
from services.snapshot.manifest import Manifest
from services.snapshot.retention import needed_files, removal_order, staying
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from services.snapshot.writer_lock import sole_writer

_FIRST_SHARING_SCHEMA: Final = 3
_UPLOADING_SECONDS: Final = 24 * 3_600.0
"""On an object store, what was written to so lately may be an upload at work, or about to become current."""
_LOOKS: Final = 3


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


@dataclass(frozen=True, slots=True)
class _Found:
    """A root as it was while one snapshot was current.

    Attributes:
        current: its id.
        files: every snapshot's folder: paths and sizes.
        manifests: every snapshot's; None for one of a schema in which nothing was shared yet.
    """

    current: str
    files: Mapping[str, Mapping[str, int]]
    manifests: Mapping[str, Manifest | None]

    def going(self, keep: int, young: Collection[str]) -> dict[str, Collection[str]]:
        """Return the files that go, by snapshot.

        Args:
            keep: how many snapshots stay.
            young: snapshots that stay when they are not finished, or later than the current one.
        """
        parents = {name: manifest.parent for name, manifest in self.manifests.items() if manifest is not None}
        stay = staying(list(self.manifests), self.current, keep, parents)
        stay |= {each for each in young if each not in self.manifests or each > self.current}
        needed = needed_files(found for name, found in self.manifests.items() if name in stay and found is not None)
        return {
            snapshot_id: paths.keys() - needed.get(snapshot_id, frozenset())
            for snapshot_id, paths in self.files.items()
            if snapshot_id not in stay
        }


def prune(root_url: str, keep: int, *, work_root: Path, dry_run: bool = False) -> Pruned:
    """Remove all snapshots but some; the current one stays, and every file that one which stays has.

    Args:
        root_url: folder or fsspec URL.
        keep: how many snapshots stay, at least 1: the current one, its ancestors, and the latest others.
        work_root: where the writers' lock is when the root is remote.
        dry_run: only say what would go.

    Raises:
        SnapshotNotFound: nothing was published here yet.
        SnapshotInvalid: CURRENT names no snapshot; or a manifest can't be read, so that nobody knows whose files it
            shares; names it.
        FailedPrecondition: another writer is at work, or another snapshot has become current meanwhile.
        Unavailable: the root can't be read, or a file not removed; the same command again goes on.
    """
    with sole_writer(root_url, work_root) as root:
        store = SnapshotStore(root_url)
        found = _found(store, root)
        going = found.going(keep, _young(root, found.files))
        for snapshot_id, paths in going.items() if not dry_run else ():
            _refuse_change(store, found.current)
            _remove(root, snapshot_id, removal_order(paths))
    return Pruned(
        tuple(snapshot_id for snapshot_id in going if snapshot_id in found.manifests),
        sum(len(paths) for paths in going.values()),
        sum(found.files[snapshot_id][path] for snapshot_id, paths in going.items() for path in paths),
    )


def _found(store: SnapshotStore, root: SnapshotRoot) -> _Found:
    """Look at the root; CURRENT comes first, so that what became current meanwhile is noticed, and looked at again."""
    for _ in range(_LOOKS):
        current = store.current_id()
        files = {snapshot_id: root.files_of(snapshot_id) for snapshot_id in root.snapshot_ids()}
        manifests = _manifests(store, root, files)
        if current in manifests:
            return _Found(current, files, manifests)
    raise SnapshotInvalid(
        f"CURRENT names {current}, but there is no such snapshot, so nothing is removed: go back to one that is there "
        "(`aisle snapshot list`)"
    )


def _young(root: SnapshotRoot, snapshot_ids: Collection[str]) -> Collection[str]:
    """Return the snapshots that another machine may be writing.

    Their age is what the storage took since: this machine's clock may be wrong, and so may be that of who writes.
    """
    if root.folder is not None:  # there they appear whole, and under the lock that is held here
        return ()
    written_at = root.written_at()
    latest = max(written_at.values(), default=0.0)
    return [each for each in snapshot_ids if latest - written_at.get(each, latest) < _UPLOADING_SECONDS]


def _refuse_change(store: SnapshotStore, current: str) -> None:
    if (found := store.current_id()) != current:
        raise FailedPrecondition(
            f"snapshot {found} has become current instead of {current} meanwhile, and may have what was to go: the "
            "same command again looks at what there is now"
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
