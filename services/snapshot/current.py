"""CURRENT, the line that says which snapshot is served: replaced in one step, and only while it is as expected.

On a local root the writer's lock makes sure that nobody replaces it between the look and the step. On S3 the step
itself is conditional: the store replaces the object only while it has the tag that was seen, or makes it only while
there is none. On any other object store the look comes right before the step, and nothing holds the two together.

Beside it lies a copy, written after it: what processes begin with while CURRENT is damaged or lost. It names what was
current last, and so nothing that was gone back from; only a writer to an object store that dies between the two leaves
the copy as it was.
"""

from typing import Final

from services.common.errors import AisleError, Overtaken, SnapshotInvalid, SnapshotNotFound, Unavailable
from services.common.telemetry import get_logger
from services.snapshot.durable import flush, write_durably
from services.snapshot.layout import CURRENT, CURRENT_COPY, MANIFEST, is_snapshot_id, snapshot_path
from services.snapshot.root import SnapshotRoot

_log = get_logger()

WHICHEVER: Final = ""
"""What is expected of CURRENT when nothing is: it may name any snapshot or none, or be damaged."""
_SHOWN_CHARACTERS: Final = 60
"""Of what stands in CURRENT instead of an id."""


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
            f"{root.url}/{CURRENT}: {snapshot_id[:_SHOWN_CHARACTERS]!r} is not a snapshot id; {_mending(root)} goes "
            "back to a snapshot, `aisle index --replace` publishes one"
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


def current_to_begin_with(root: SnapshotRoot) -> str:
    """Return the id of the snapshot that a process begins with: the current one.

    While CURRENT can't be read, holds no id or names what is not there, it is what the copy names, if that is there.

    Raises:
        SnapshotNotFound, SnapshotInvalid, Unavailable: as `required_current`, and the copy does not help.
    """
    try:
        current = required_current(root)
    except AisleError as error:
        is_away = isinstance(error, Unavailable) and root.folder is None  # then so is the copy
        copied = "" if is_away else _copied(root)
        if not copied:
            raise
        _log.error("current_unreadable", reason=error.reason, error=error.message, beginning_with=copied)
        return copied
    if _is_lacking(root, current) and (copied := _copied(root)):
        _log.error("current_names_nothing", current=current, beginning_with=copied, remedy=_mending(root))
        return copied
    return current


def found_current(root: SnapshotRoot) -> str | None:
    """Return what to expect of CURRENT from now on, for whoever can go on without it: its id, None, or `WHICHEVER`.

    Raises:
        Unavailable: the root can't be read at the moment.
    """
    try:
        return read_current(root)
    except SnapshotInvalid:
        return WHICHEVER
    except Unavailable:  # on a disk, a file that can't be read may still be replaced
        if root.folder is None:
            raise
        return WHICHEVER


def nothing_published(root: SnapshotRoot) -> SnapshotNotFound:
    """Return the error for a root without a current snapshot."""
    return SnapshotNotFound(
        f"{root.url}: no snapshot is current here; run `aisle index`, or mend the address; when CURRENT was lost, "
        f"{_mending(root)} goes back to a snapshot"
    )


def replace_current(root: SnapshotRoot, snapshot_id: str, *, instead_of: str | None = WHICHEVER) -> None:
    """Make a snapshot the current one.

    Args:
        root: where it lies, complete.
        snapshot_id: which one.
        instead_of: the snapshot that has to be current until now; None: there must be none; or `WHICHEVER`.

    Raises:
        Overtaken: another one is; the message names both.
        OSError, Unavailable: the root can't be written; the snapshot that was current still is.
    """
    folder = root.folder
    if folder is None:
        _replace_object(root, snapshot_id, instead_of)
        return
    check_current(root, instead_of)
    successors = {name: folder / f".{name}.next" for name in (CURRENT, CURRENT_COPY)}
    for successor in successors.values():
        write_durably(successor, snapshot_id + "\n")
    # Killed in the middle, this leaves no copy rather than one that names what is being gone back from.
    (folder / CURRENT_COPY).unlink(missing_ok=True)
    for name, successor in successors.items():
        successor.replace(folder / name)
    flush(folder)


def check_current(root: SnapshotRoot, expected: str | None) -> None:
    """Check that CURRENT is as expected: an id, None for a root without one, or `WHICHEVER`.

    Raises:
        Overtaken: it is not; the message names both.
    """
    if expected != WHICHEVER and (found := read_current(root)) != expected:
        raise _overtaken(expected, found)


def _replace_object(root: SnapshotRoot, snapshot_id: str, instead_of: str | None) -> None:
    seen = root.tag(CURRENT) if instead_of else instead_of
    check_current(root, instead_of)
    try:
        root.write(CURRENT, _line(snapshot_id), only_over=seen)
    except Unavailable:
        found = found_current(root)
        if found != snapshot_id:  # else it was done, and only the answer was lost
            if instead_of not in {WHICHEVER, found}:
                raise _overtaken(instead_of, found) from None
            raise
    try:
        _copy_object(root, snapshot_id)
    except Unavailable as error:  # the step is done: what is lost is what helps when CURRENT is lost, too
        _log.warning("copy_of_current_not_written", error=error.message)


def _copy_object(root: SnapshotRoot, snapshot_id: str) -> None:
    """Write the copy of CURRENT, again and again until CURRENT says the same after it.

    Another machine's step may come between this one's and its copy, so that the copies come in another order than the
    steps. Whoever writes the last of them finds the last step after it. A condition would not do: an object's tag is
    that of its content, and the same again when somebody has gone back meanwhile.
    """
    current: str | None = snapshot_id
    copied = ""
    while current and current != copied:
        root.write(CURRENT_COPY, _line(current))
        copied, current = current, found_current(root)


def _line(snapshot_id: str) -> bytes:
    return f"{snapshot_id}\n".encode()


def _copied(root: SnapshotRoot) -> str:
    """Return the snapshot that the copy of CURRENT names; empty when there is no copy, or no such snapshot."""
    try:
        snapshot_id = (root.read(CURRENT_COPY) or b"").decode(errors="replace").strip()
    except Unavailable:
        return ""
    return snapshot_id if is_snapshot_id(snapshot_id) and not _is_lacking(root, snapshot_id) else ""


def _is_lacking(root: SnapshotRoot, snapshot_id: str) -> bool:
    """Return whether there is certainly no such snapshot."""
    try:
        return root.read(snapshot_path(snapshot_id, MANIFEST)) is None
    except Unavailable:
        return False


def _mending(root: SnapshotRoot) -> str:
    """Return the command that makes a snapshot current again."""
    return f"`aisle snapshot rollback {_copied(root) or 'ID'}`"


def _overtaken(expected: str | None, found: str | None) -> Overtaken:
    before, now = (f"snapshot {each}" if each else "no snapshot" for each in (expected, found))
    return Overtaken(
        f"{before} was current when this began, but meanwhile {now} has become the current one, and stays it. The same "
        "command again starts from there; a whole catalogue then has to contain what was changed"
    )
