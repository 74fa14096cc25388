"""CURRENT, the line that says which snapshot is served: replaced in one step, and only while it is as expected.

On a local root the writer's lock makes sure that nobody replaces it between the look and the step. On S3 the step
itself is conditional: the store replaces the object only while it has the tag that was seen, or makes it only while
there is none. On any other object store the look comes right before the step, and nothing holds the two together.
"""

from typing import Final

from services.common.errors import FailedPrecondition, SnapshotInvalid, SnapshotNotFound, Unavailable
from services.snapshot.durable import flush, write_durably
from services.snapshot.layout import CURRENT, is_snapshot_id
from services.snapshot.root import SnapshotRoot

WHICHEVER: Final = ""
"""What is expected of CURRENT when nothing is: it may name any snapshot or none, or be damaged."""


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
    if not is_snapshot_id(snapshot_id):
        raise SnapshotInvalid(
            f"{root.url}/{CURRENT}: {snapshot_id!r} is not a snapshot id; `aisle snapshot rollback ID` goes back to a "
            "snapshot, `aisle index --replace` publishes one"
        )
    return snapshot_id


def required_current(root: SnapshotRoot) -> str:
    """Return the id of the current snapshot.

    Raises:
        SnapshotNotFound: nothing was published here yet.
        SnapshotInvalid, Unavailable: as `read_current`.
    """
    snapshot_id = read_current(root)
    if snapshot_id is None:
        raise nothing_published(root)
    return snapshot_id


def found_current(root: SnapshotRoot) -> str | None:
    """Return what to expect of CURRENT from now on, for whoever can go on without it: its id, None, or `WHICHEVER`.

    Raises:
        Unavailable: the root can't be read at the moment.
    """
    try:
        return read_current(root)
    except SnapshotInvalid:
        return WHICHEVER


def nothing_published(root: SnapshotRoot) -> SnapshotNotFound:
    """Return the error for a root without a current snapshot."""
    return SnapshotNotFound(
        f"{root.url}: no snapshot is current here; run `aisle index`, or mend the address; when CURRENT was lost, name "
        "a snapshot to `aisle snapshot rollback`"
    )


def replace_current(root: SnapshotRoot, snapshot_id: str, *, instead_of: str | None = WHICHEVER) -> None:
    """Make a snapshot the current one.

    Args:
        root: where it lies, complete.
        snapshot_id: which one.
        instead_of: the snapshot that has to be current until now; None: there must be none; or `WHICHEVER`.

    Raises:
        FailedPrecondition: another one is; the message names both.
        OSError, Unavailable: the root can't be written; the snapshot that was current still is.
    """
    folder = root.folder
    if folder is None:
        _replace_object(root, snapshot_id, instead_of)
        return
    check_current(root, instead_of)
    successor = folder / f".{CURRENT}.next"
    write_durably(successor, snapshot_id + "\n")
    successor.replace(folder / CURRENT)
    flush(folder)


def check_current(root: SnapshotRoot, expected: str | None) -> None:
    """Check that CURRENT is as expected: an id, None for a root without one, or `WHICHEVER`.

    Raises:
        FailedPrecondition: it is not; the message names both.
    """
    if expected != WHICHEVER and (found := read_current(root)) != expected:
        raise _overtaken(expected, found)


def _replace_object(root: SnapshotRoot, snapshot_id: str, instead_of: str | None) -> None:
    seen = root.tag(CURRENT) if instead_of else instead_of
    check_current(root, instead_of)
    try:
        root.write(CURRENT, (snapshot_id + "\n").encode(), only_over=seen)
    except Unavailable:
        found = found_current(root)
        if found == snapshot_id:  # it was done, and only the answer was lost
            return
        if instead_of not in {WHICHEVER, found}:
            raise _overtaken(instead_of, found) from None
        raise


def _overtaken(expected: str | None, found: str | None) -> FailedPrecondition:
    before, now = (f"snapshot {each}" if each else "no snapshot" for each in (expected, found))
    return FailedPrecondition(
        f"{before} was current when this began, but meanwhile {now} has become the current one, and stays it. The same "
        "command again starts from there; a whole catalogue then has to contain what was changed"
    )
