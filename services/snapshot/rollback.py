"""`aisle snapshot rollback`: an earlier snapshot becomes the current one again; no file of any snapshot is touched."""

from collections.abc import Callable
from pathlib import Path

from services.common.errors import FailedPrecondition
from services.snapshot.current import replace_current
from services.snapshot.manifest import Manifest
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from services.snapshot.writer_lock import writer_lock


def roll_back(root_url: str, snapshot_id: str, verify: Callable[[Manifest], None], *, work_root: Path) -> Manifest:
    """Make an earlier snapshot the current one.

    Args:
        root_url: folder or fsspec URL.
        snapshot_id: which one; empty: the one that the current snapshot is a change of.
        verify: raises what is wrong with a snapshot.
        work_root: where the writers' lock is when the root is remote.

    Returns:
        The manifest of the snapshot that is now current.

    Raises:
        FailedPrecondition: the current snapshot is no change of another; or another writer is at work, or was faster.
        SnapshotNotFound: there is no such snapshot.
        SnapshotInvalid, SpaceMismatch: it is damaged, and the current one stays.
        Unavailable: the root can't be read at the moment.
    """
    root, store = SnapshotRoot.at(root_url), SnapshotStore(root_url)
    store.current_id()  # a root with a typing error in it must not be made
    with writer_lock(root, work_root):
        current = store.current_id()
        wanted = snapshot_id or store.manifest(current).parent
        if not wanted:
            raise FailedPrecondition(
                f"snapshot {current} was built from a whole catalogue, so it has no parent: name the snapshot to go "
                "back to (`aisle snapshot list`)"
            )
        manifest = store.manifest(wanted)
        verify(manifest)
        replace_current(root, wanted, instead_of=current)
    return manifest
