"""Publishing a snapshot: nothing of it is visible until all of it is there, whatever dies when (docs/snapshot.md).

A local root takes the finished folder by one rename. An object store has no rename: files go up first, the manifest
after them. In both, CURRENT is replaced last, and nothing that an earlier snapshot consists of is ever touched.
"""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

from services.common.errors import SnapshotInvalid
from services.snapshot.layout import CURRENT, MANIFEST, SnapshotRoot, snapshot_path
from services.snapshot.manifest import FileEntry, Manifest

_CONTENT_DIGITS = 12


def stamped(manifest: Manifest, created_at: datetime) -> Manifest:
    """Return the manifest with its time and its id: `20260131T235959Z-` and 12 digits of the content's digest.

    Args:
        manifest: complete but for `snapshot_id` and `created_at`, whose values don't matter.
        created_at: when the snapshot was built, with its time zone.
    """
    content = manifest.model_copy(update={"snapshot_id": "", "created_at": ""}).to_json()
    digest = hashlib.sha256(content.encode()).hexdigest()[:_CONTENT_DIGITS]
    moment = created_at.astimezone(UTC).replace(microsecond=0)
    return manifest.model_copy(
        update={"snapshot_id": f"{moment:%Y%m%dT%H%M%SZ}-{digest}", "created_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    )


def is_genuine(manifest: Manifest, content: bytes) -> bool:
    """Return whether a manifest's bytes are those that were stamped and published, to the last one."""
    try:
        created_at = datetime.fromisoformat(manifest.created_at)
    except ValueError:
        return False
    return stamped(manifest, created_at) == manifest and manifest.to_json().encode() == content


def publish(root_url: str | Path, draft: Path, manifest: Manifest) -> None:
    """Publish a draft and make it the current snapshot.

    Args:
        root_url: where snapshots live: fsspec URL or local path.
        draft: folder with every file of the manifest; below a local root it becomes the snapshot, so it must lie in
            the root's file system.
        manifest: the stamped manifest.

    Raises:
        SnapshotInvalid: the draft lacks a file of the manifest or has it in another size; nothing was published.
        OSError: the root can't be written; the snapshot that was current still is.
    """
    root = SnapshotRoot.at(root_url)
    for entry in own_files(manifest):
        path = draft / entry.path
        if not path.is_file() or path.stat().st_size != entry.size_bytes:
            raise SnapshotInvalid(f"{path}: the draft does not have this file as the manifest describes it")
    if root.folder is None:
        _upload(root, draft, manifest)
    else:
        _move(root.folder, draft, manifest)


def own_files(manifest: Manifest) -> tuple[FileEntry, ...]:
    """Return the files that this snapshot itself brings; the others lie with the snapshots that brought them."""
    return tuple(entry for entry in manifest.files if not entry.origin)


def _move(root: Path, draft: Path, manifest: Manifest) -> None:
    snapshot = root / snapshot_path(manifest.snapshot_id)
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    # The id holds the second and the content: what is already there is this very snapshot, and complete.
    if not snapshot.exists():
        _write_durably(draft / MANIFEST, manifest.to_json())
        for path in (*draft.rglob("*"), draft):
            _flush(path)  # a rename that survives a power cut must not outlive the bytes that it names
        draft.rename(snapshot)
        _flush(snapshot.parent)
    successor = root / f".{CURRENT}.{manifest.snapshot_id}"
    _write_durably(successor, manifest.snapshot_id + "\n")
    successor.replace(root / CURRENT)
    _flush(root)


def _upload(root: SnapshotRoot, draft: Path, manifest: Manifest) -> None:
    for entry in own_files(manifest):
        remote = f"{root.path}/{snapshot_path(manifest.snapshot_id, entry.path)}"
        root.filesystem.makedirs(remote.rpartition("/")[0], exist_ok=True)
        root.filesystem.put_file(str(draft / entry.path), remote)
    manifest_path = f"{root.path}/{snapshot_path(manifest.snapshot_id, MANIFEST)}"
    root.filesystem.pipe_file(manifest_path, manifest.to_json().encode())
    root.filesystem.pipe_file(f"{root.path}/{CURRENT}", (manifest.snapshot_id + "\n").encode())


def _write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def _flush(path: Path) -> None:
    """Force a file's bytes, or a folder's names, onto the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
