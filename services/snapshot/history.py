"""The snapshots below a root: what each holds, what it takes on the disk, and which one is current."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.errors import SnapshotInvalid
from services.snapshot.current import read_current
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
        own_bytes: what the files in its folder take.
        shared_bytes: what those take that lie with earlier snapshots.
    """

    snapshot_id: str
    is_current: bool
    manifest: Manifest | None
    problem: str
    own_bytes: int
    shared_bytes: int


def kept_snapshots(root_url: str) -> Sequence[Kept]:
    """Return every snapshot's folder, oldest first.

    Raises:
        SettingsInvalid: a URL that fsspec can't open.
        Unavailable: the root can't be read at the moment.
    """
    root, store = SnapshotRoot.at(root_url), SnapshotStore(root_url)
    current = read_current(root)
    return [_kept(root, store, snapshot_id, is_current=snapshot_id == current) for snapshot_id in root.snapshot_ids()]


def _kept(root: SnapshotRoot, store: SnapshotStore, snapshot_id: str, *, is_current: bool) -> Kept:
    files = root.files_of(snapshot_id)
    manifest, problem = None, ""
    if MANIFEST not in files:
        problem = "no manifest: files that later snapshots share, or an upload that has not ended"
    else:
        try:
            manifest = store.manifest(snapshot_id)
        except SnapshotInvalid as invalid:
            problem = invalid.message
    shared = 0 if manifest is None else sum(entry.size_bytes for entry in shared_files(manifest))
    return Kept(snapshot_id, is_current, manifest, problem, sum(files.values()), shared)
