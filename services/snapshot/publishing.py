"""Publishing a snapshot: nothing of it is visible until all of it is there, whatever dies when (docs/snapshot.md).

A local root takes the finished folder by one rename. An object store has no rename: files go up first, the manifest
after them. In both, CURRENT is replaced last, and nothing that an earlier snapshot consists of is ever touched.
"""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.common.errors import SnapshotInvalid
from services.snapshot.current import WHICHEVER, check_current, replace_current
from services.snapshot.durable import flush, write_durably
from services.snapshot.layout import MANIFEST, snapshot_path
from services.snapshot.manifest import Manifest
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
    return moment + timedelta(seconds=1)


def is_genuine(manifest: Manifest, content: bytes) -> bool:
    """Return whether a manifest's bytes are those that were stamped and published, to the last one."""
    try:
        created_at = datetime.fromisoformat(manifest.created_at)
    except ValueError:
        return False
    return stamped(manifest, created_at) == manifest and manifest.to_json().encode() == content


def publish(root_url: str | Path, draft: Path, manifest: Manifest, *, instead_of: str | None = WHICHEVER) -> None:
    """Publish a draft and make it the current snapshot.

    Args:
        root_url: where snapshots live: fsspec URL or local path.
        draft: folder with every file of the manifest; below a local root it becomes the snapshot, so it must lie in
            the root's file system.
        manifest: the stamped manifest.
        instead_of: what has to be current until then, as in `replace_current`, for a snapshot of a whole catalogue; a
            change replaces its parent and no other.

    Raises:
        SnapshotInvalid: the draft lacks a file of the manifest or has it in another size, or an earlier snapshot lacks
            one that is shared with it; nothing was published.
        FailedPrecondition: another snapshot has become current meanwhile; the message names both.
        OSError, Unavailable: the root can't be written; the snapshot that was current still is.
    """
    root = SnapshotRoot.at(root_url)
    expected = manifest.parent or instead_of
    _check_own_files(draft, manifest)
    _check_shared_files(root, manifest)
    check_current(root, expected)
    if root.folder is None:
        _upload(root, draft, manifest)
    else:
        _move(root.folder, draft, manifest)
    replace_current(root, manifest.snapshot_id, instead_of=expected)


def _check_own_files(draft: Path, manifest: Manifest) -> None:
    for entry in own_files(manifest):
        path = draft / entry.path
        if not path.is_file() or path.stat().st_size != entry.size_bytes:
            raise SnapshotInvalid(f"{path}: the draft does not have this file as the manifest describes it")


def _check_shared_files(root: SnapshotRoot, manifest: Manifest) -> None:
    shared = shared_files(manifest)
    sizes = {origin: root.files_of(origin) for origin in {entry.origin for entry in shared}}
    for entry in shared:
        if sizes[entry.origin].get(entry.path) != entry.size_bytes:
            raise SnapshotInvalid(
                f"{snapshot_path(entry.origin, entry.path)}: this file, which the new snapshot shares, is not there as "
                "the manifest describes it"
            )


def _move(root: Path, draft: Path, manifest: Manifest) -> None:
    snapshot = root / snapshot_path(manifest.snapshot_id)
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    # The id holds the second and the content: what is already there is this very snapshot, and complete.
    if not snapshot.exists():
        write_durably(draft / MANIFEST, manifest.to_json())
        for path in (*draft.rglob("*"), draft):
            flush(path)  # a rename that survives a power cut must not outlive the bytes that it names
        draft.rename(snapshot)
        flush(snapshot.parent)


def _upload(root: SnapshotRoot, draft: Path, manifest: Manifest) -> None:
    for entry in own_files(manifest):
        root.upload(draft / entry.path, snapshot_path(manifest.snapshot_id, entry.path))
    root.write(snapshot_path(manifest.snapshot_id, MANIFEST), manifest.to_json().encode())
