"""`aisle snapshot rollback`: an earlier snapshot becomes the current one again; no file of any snapshot is touched."""

from collections.abc import Callable
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
        snapshot_id: which one, whatever is wrong with CURRENT; empty: the one that the current one is a change of.
        verify: raises what is wrong with a snapshot.
        work_root: where the writers' lock is when the root is remote.

    Returns:
        The manifest of the snapshot that is now current.

    Raises:
        FailedPrecondition: the current snapshot is no change of another; or another writer was faster.
        SnapshotNotFound: there is no such snapshot, or it was pruned meanwhile.
        SnapshotInvalid, SpaceMismatch: it is damaged, and the current one stays.
        Unavailable: the root can't be read at the moment.
    """
    store = SnapshotStore(root_url)
    expected = found_current(SnapshotRoot.at(root_url))
    manifest = store.manifest(snapshot_id or _parent_of_current(store))
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


def _parent_of_current(store: SnapshotStore) -> str:
    current = store.manifest()
    if not current.parent:
        raise FailedPrecondition(
            f"snapshot {current.snapshot_id} was built from a whole catalogue, so it has no parent: name the snapshot "
            "to go back to (`aisle snapshot list`)"
        )
    return current.parent
