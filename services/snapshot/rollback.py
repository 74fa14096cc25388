"""`aisle snapshot rollback`: an earlier snapshot becomes the current one again; no file of any snapshot is touched."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from services.common.errors import FailedPrecondition, SnapshotNotFound
from services.snapshot.current import found_current, replace_current
from services.snapshot.manifest import Manifest
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from services.snapshot.writer_lock import sole_writer


def roll_back(root_url: str, snapshot_id: str, verify: Callable[[Manifest], None], *, work_root: Path) -> Manifest:
    """Make an earlier snapshot the current one; other writers are kept waiting for the last step only.

    Args:
        root_url: folder or fsspec URL.
        snapshot_id: which one, whatever is wrong with CURRENT; empty: the one before the current one, as
            `services.snapshot.descent` has it: its parent, or the next older one where a whole catalogue was built.
        verify: raises what is wrong with a snapshot.
        work_root: where the writers' lock is when the root is remote.

    Returns:
        The manifest of the snapshot that is now current.

    Raises:
        FailedPrecondition: there is none before the current snapshot; or another writer was faster.
        SnapshotNotFound: there is no such snapshot, or it was pruned meanwhile.
        SnapshotInvalid, SpaceMismatch: it is damaged, and the current one stays.
        Unavailable: the root can't be read at the moment.
    """
    store = SnapshotStore(root_url)
    expected = found_current(SnapshotRoot.at(root_url))
    manifest = store.manifest(snapshot_id) if snapshot_id else _before_current(store)
    verify(manifest)
    with sole_writer(root_url, work_root, patient=True) as root:
        store.manifest(manifest.snapshot_id)
        replace_current(root, manifest.snapshot_id, instead_of=expected)
        try:
            store.manifest(manifest.snapshot_id)
        except SnapshotNotFound:  # another machine has pruned it in this very moment
            if expected:
                replace_current(root, expected, instead_of=manifest.snapshot_id)
            raise
    return manifest


def _before_current(store: SnapshotStore) -> Manifest:
    current = store.current_id()
    for snapshot_id in store.predecessors(current):
        with suppress(SnapshotNotFound):  # a folder with what later ones share, or an upload that has not ended
            return store.manifest(snapshot_id)
    raise FailedPrecondition(
        f"there is no snapshot before {current}, the current one: name another to make current (`aisle snapshot list`)"
    )
