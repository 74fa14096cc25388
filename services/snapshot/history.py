"""The snapshots below a root: what each holds, what it takes on the disk, and which one is current."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.errors import SnapshotInvalid, SnapshotNotFound, Unavailable
from services.snapshot.current import required_current
from services.snapshot.layout import MANIFEST
from services.snapshot.manifest import Manifest
from services.snapshot.root import SnapshotRoot
from services.snapshot.sharing import shared_files
from services.snapshot.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot's folder.

    Attributes:
        snapshot_id: its name.
        is_current: whether CURRENT names it.
        manifest: what is in it; None when the folder has none that this release can use.
        problem: why not; empty when there is nothing to complain of. A folder without a manifest is what pruning has
            left for others, or what a writer to an object store has not finished.
        own_bytes: what the files in its folder take; 0 where that can't be listed.
        shared_bytes: what those take that lie with earlier snapshots.
    """

    snapshot_id: str
    is_current: bool
    manifest: Manifest | None
    problem: str
    own_bytes: int
    shared_bytes: int


@dataclass(frozen=True, slots=True)
class History:
    """What lies below a root.

    Attributes:
        kept: every snapshot's folder, oldest first.
        problem: why none of them is current; empty when one is.
    """

    kept: Sequence[Kept]
    problem: str


def kept_snapshots(root_url: str) -> History:
    """Look at every snapshot, also where CURRENT is lost or damaged: this is where to find one to go back to.

    Raises:
        SettingsInvalid: a URL that fsspec can't open.
        Unavailable: the root can't be listed at the moment.
    """
    root, store = SnapshotRoot.at(root_url), SnapshotStore(root_url)
    current, problem = "", ""
    try:
        current = required_current(root)
    except (SnapshotNotFound, SnapshotInvalid, Unavailable) as error:
        problem = error.message
    kept = [_kept(root, store, each, is_current=each == current) for each in root.snapshot_ids()]
    if current and not any(each.is_current for each in kept):
        problem = f"CURRENT names {current}, but there is no such snapshot"
    return History(kept, problem)


def _kept(root: SnapshotRoot, store: SnapshotStore, snapshot_id: str, *, is_current: bool) -> Kept:
    manifest, problem = None, ""
    try:
        files = root.files_of(snapshot_id)
    except Unavailable as error:
        return Kept(snapshot_id, is_current, None, error.message, 0, 0)
    if MANIFEST not in files:
        problem = "no manifest: files that later snapshots share, or an upload that has not ended"
    else:
        try:
            manifest = store.manifest(snapshot_id)
        except (SnapshotInvalid, SnapshotNotFound, Unavailable) as error:
            problem = error.message
    shared = 0 if manifest is None else sum(entry.size_bytes for entry in shared_files(manifest))
    return Kept(snapshot_id, is_current, manifest, problem, sum(files.values()), shared)
