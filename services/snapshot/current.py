"""CURRENT, the line that says which snapshot is served: replaced in one step, and only while it is as expected.

On a local root the writer's lock makes sure that nobody replaces it between the look and the step. On S3 the step
itself is conditional: the store replaces the object only while it has the tag that was seen. On any other object store
the look comes right before the step, and nothing holds the two together.
"""

from services.common.errors import FailedPrecondition, Unavailable
from services.snapshot.durable import flush, write_durably
from services.snapshot.layout import CURRENT, snapshot_path
from services.snapshot.root import SnapshotRoot


def read_current(root: SnapshotRoot) -> str | None:
    """Return the id of the current snapshot; None when nothing was published yet.

    Raises:
        SnapshotInvalid: CURRENT does not hold an id.
        Unavailable: the root can't be read at the moment.
    """
    content = root.read(CURRENT)
    if content is None:
        return None
    snapshot_id = content.decode(errors="replace").strip()
    snapshot_path(snapshot_id)
    return snapshot_id


def replace_current(root: SnapshotRoot, snapshot_id: str, *, instead_of: str = "") -> None:
    """Make a snapshot the current one.

    Args:
        root: where it lies, complete.
        snapshot_id: which one.
        instead_of: the snapshot that has to be current until now; empty: whichever is.

    Raises:
        FailedPrecondition: another one is; the message names both.
        OSError, Unavailable: the root can't be written; the snapshot that was current still is.
    """
    folder = root.folder
    if folder is None:
        _replace_object(root, snapshot_id, instead_of)
        return
    check_current(root, instead_of)
    successor = folder / f".{CURRENT}.{snapshot_id}"
    write_durably(successor, snapshot_id + "\n")
    successor.replace(folder / CURRENT)
    flush(folder)


def check_current(root: SnapshotRoot, expected: str) -> None:
    """Check that a snapshot is current; empty: whichever is.

    Raises:
        FailedPrecondition: another one is; the message names both.
    """
    if expected and (found := read_current(root)) != expected:
        raise _overtaken(expected, found)


def _replace_object(root: SnapshotRoot, snapshot_id: str, instead_of: str) -> None:
    seen = root.tag(CURRENT) if instead_of else ""
    check_current(root, instead_of)
    try:
        root.write(CURRENT, (snapshot_id + "\n").encode(), only_over=seen)
    except Unavailable:
        if seen and (found := read_current(root)) not in {instead_of, snapshot_id}:
            raise _overtaken(instead_of, found) from None
        raise


def _overtaken(expected: str, found: str | None) -> FailedPrecondition:
    return FailedPrecondition(
        f"this is a change of snapshot {expected}, but meanwhile {found} has become the current one; nothing was "
        "published: the same command again starts from that"
    )
