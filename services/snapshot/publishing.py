"""Publishing a snapshot: nothing of it is visible until all of it is there, whatever dies when (docs/snapshot.md).

A local root takes the finished folder by one rename. An object store has no rename: files go up first, the manifest
after them. In both, CURRENT is replaced last, and nothing that an earlier snapshot consists of is ever touched.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.common.errors import FailedPrecondition, SnapshotInvalid, Unavailable
from services.snapshot.current import WHICHEVER, check_current, replace_current
from services.snapshot.digests import verify
from services.snapshot.durable import flush, write_durably
from services.snapshot.layout import MANIFEST, snapshot_path
from services.snapshot.manifest import FileEntry, Manifest
from services.snapshot.root import SnapshotRoot
from services.snapshot.sharing import own_files, shared_files

_TIME = "%Y%m%dT%H%M%SZ"
_CONTENT_DIGITS = 12


def stamped(manifest: Manifest, created_at: datetime, *, after: str = "") -> Manifest:
    """Return the manifest with its time and its id: `20260131T235959Z-` and 12 digits of the content's digest.

    Args:
        manifest: complete but for `snapshot_id` and `created_at`, whose values don't matter.
        created_at: when the snapshot was built, with its time zone.
        after: the id of the snapshot that it replaces, or none; ids have seconds, and it becomes at least one second
            younger, so that ids sort by time also when changes follow each other quickly or clocks differ.

    Raises:
        FailedPrecondition: no time is later than that of `after`.
    """
    content = manifest.model_copy(update={"snapshot_id": "", "created_at": ""}).to_json()
    digest = hashlib.sha256(content.encode()).hexdigest()[:_CONTENT_DIGITS]
    moment = max(created_at.astimezone(UTC), _next_moment(after)).replace(microsecond=0)
    return manifest.model_copy(
        update={"snapshot_id": f"{moment:{_TIME}}-{digest}", "created_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    )


def _next_moment(snapshot_id: str) -> datetime:
    """Return the first moment after that of an id; the beginning of time when there is none in it."""
    try:
        moment = datetime.strptime(snapshot_id.partition("-")[0], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    try:
        return moment + timedelta(seconds=1)
    except OverflowError:  # a clock was set to the year 9999
        raise FailedPrecondition(
            f"no snapshot can be later than {snapshot_id}: go back to an earlier one (`aisle snapshot rollback ID`)"
        ) from None


def is_genuine(manifest: Manifest, content: bytes) -> bool:
    """Return whether a manifest's bytes are those that were stamped and published, to the last one."""
    try:
        expected = stamped(manifest, datetime.fromisoformat(manifest.created_at))
    except (ValueError, OverflowError):  # no time, or one that Greenwich does not have
        return False
    return expected == manifest and manifest.to_json().encode() == content


def publish(root_url: str | Path, draft: Path, manifest: Manifest, *, instead_of: str | None = WHICHEVER) -> Manifest:
    """Publish a draft and make it the current snapshot.

    Args:
        root_url: where snapshots live: fsspec URL or local path.
        draft: folder with every file of the manifest; below a local root it becomes the snapshot, so it must lie in
            the root's file system.
        manifest: the stamped manifest.
        instead_of: what has to be current until then, as in `replace_current`, for a snapshot of a whole catalogue; a
            change replaces its parent and no other.

    Returns:
        The manifest as it was published: a later one where something else lies under its name.

    Raises:
        SnapshotInvalid: the draft lacks a file of the manifest or has it in another size, or an earlier snapshot lacks
            one that is shared with it; nothing was published.
        Overtaken: another snapshot has become current meanwhile; the message names both.
        OSError, Unavailable: the root can't be written, or what was uploaded has gone again; the snapshot that was
            current still is.
    """
    root = SnapshotRoot.at(root_url)
    expected = manifest.parent or instead_of
    _check_own_files(draft, manifest)
    _check_shared_files(root, manifest)
    check_current(root, expected)
    if root.folder is None:
        _upload(root, draft, manifest)
    else:
        manifest = _move(root.folder, draft, manifest)
    replace_current(root, manifest.snapshot_id, instead_of=expected)
    return manifest


def _check_own_files(draft: Path, manifest: Manifest) -> None:
    for entry in own_files(manifest):
        path = draft / entry.path
        if not path.is_file() or path.stat().st_size != entry.size_bytes:
            raise SnapshotInvalid(f"{path}: the draft does not have this file as the manifest describes it")


def _check_shared_files(root: SnapshotRoot, manifest: Manifest) -> None:
    if lacking := _first_lacking(root, manifest, shared_files(manifest)):
        raise SnapshotInvalid(
            f"{lacking}: this file, which the new snapshot shares, is not there as the manifest describes it"
        )


def _first_lacking(root: SnapshotRoot, manifest: Manifest, entries: Iterable[FileEntry]) -> str:
    """Return the path of the first of a manifest's files that is not there in its size; empty when all are."""
    places = [(entry.origin or manifest.snapshot_id, entry) for entry in entries]
    sizes = {holder: root.files_of(holder) for holder in {holder for holder, _ in places}}
    lacking = (each for each in places if sizes[each[0]].get(each[1].path) != each[1].size_bytes)
    return next((snapshot_path(holder, entry.path) for holder, entry in lacking), "")


def _move(root: Path, draft: Path, manifest: Manifest) -> Manifest:
    """Move a draft to its place; return the manifest that it got there."""
    snapshot = root / snapshot_path(manifest.snapshot_id)
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    if _is_whole(snapshot, manifest):  # the same content within a second
        return manifest
    while snapshot.is_symlink() or snapshot.exists():  # what pruning has left of it, say, or a damaged one
        manifest = stamped(manifest, datetime.fromisoformat(manifest.created_at), after=manifest.snapshot_id)
        snapshot = root / snapshot_path(manifest.snapshot_id)
    write_durably(draft / MANIFEST, manifest.to_json())
    for path in (*draft.rglob("*"), draft):
        flush(path)  # a rename that survives a power cut must not outlive the bytes that it names
    draft.rename(snapshot)
    flush(snapshot.parent)
    return manifest


def _is_whole(snapshot: Path, manifest: Manifest) -> bool:
    """Return whether a folder holds this very snapshot, to the last byte."""
    try:
        for entry in own_files(manifest):
            verify(snapshot / entry.path, entry, entry.path)
        return (snapshot / MANIFEST).read_bytes() == manifest.to_json().encode()
    except (OSError, SnapshotInvalid):
        return False


def _upload(root: SnapshotRoot, draft: Path, manifest: Manifest) -> None:
    for entry in own_files(manifest):
        root.upload(draft / entry.path, snapshot_path(manifest.snapshot_id, entry.path))
    path, content = snapshot_path(manifest.snapshot_id, MANIFEST), manifest.to_json().encode()
    root.write(path, content)
    gone = _first_lacking(root, manifest, manifest.files) or ("" if root.read(path) == content else path)
    if gone:
        raise Unavailable(
            f"{root.url}/{gone} has gone again: somebody has removed files while this was uploaded, from another "
            "machine perhaps (`aisle snapshot prune`); the same command again uploads them anew"
        )
