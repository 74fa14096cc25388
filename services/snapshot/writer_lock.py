"""One writer of snapshots at a time: a lock that the kernel lets go of when its holder dies, however it dies.

It keeps the writers of one machine apart, or of all machines that mount a local root. Between machines that write to an
object store, the conditional step in `current` decides.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.common.errors import FailedPrecondition
from services.snapshot.current import nothing_published
from services.snapshot.durable import naming
from services.snapshot.layout import CURRENT
from services.snapshot.root import SnapshotRoot

_LOCK = ".writer"


def default_work_root() -> Path:
    """Return where unfinished work for remote roots is kept unless somebody says otherwise."""
    return Path.home() / ".cache" / "aisle" / "building"


def writers_folder(root: SnapshotRoot, work_root: Path) -> Path:
    """Return the local folder in which the writers of a root have their lock and their drafts.

    Args:
        root: a local one has it in itself.
        work_root: where a remote one has it, by the digest of its URL.
    """
    return root.folder or work_root / root.key


@contextmanager
def writer_lock(root: SnapshotRoot, work_root: Path, *, patient: bool = False) -> Iterator[None]:
    """Be the only writer of a root on this machine.

    Args:
        root: where snapshots are published.
        work_root: see `writers_folder`.
        patient: wait for another writer to end instead of refusing.

    Raises:
        FailedPrecondition: another writer is at work.
        OSError: the lock's file can't be made.
    """
    folder = writers_folder(root, work_root)
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
        except BlockingIOError:
            raise FailedPrecondition(
                f"another command is changing the snapshots of {root.url}: run this one again when that has ended"
            ) from None
        with naming(folder):
            yield
    finally:
        os.close(lock)


@contextmanager
def sole_writer(root_url: str, work_root: Path, *, patient: bool = False) -> Iterator[SnapshotRoot]:
    """Be the only writer of a root that has snapshots; one without is not made, since it may be a typing error.

    Args:
        root_url: folder or fsspec URL.
        work_root: see `writers_folder`.
        patient: wait for another writer to end instead of refusing.

    Raises:
        SnapshotNotFound: nothing was published there yet.
        FailedPrecondition: another writer is at work.
        Unavailable: the root can't be read at the moment.
        OSError: the lock's file can't be made.
    """
    root = SnapshotRoot.at(root_url)
    if not root.snapshot_ids() and root.read(CURRENT) is None:
        raise nothing_published(root)
    with writer_lock(root, work_root, patient=patient):
        yield root
