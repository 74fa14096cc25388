"""A change of the current snapshot: from its lock to the new snapshot that shares what did not change."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.publishing import publish, stamped
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from services.snapshot.writer_lock import writer_lock, writers_folder


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What a change did.

    Attributes:
        before: the snapshot that was current.
        after: the one that is now; the same when there was nothing to do.
    """

    before: Manifest
    after: Manifest


@dataclass(frozen=True, slots=True)
class Change:
    """A change at work, the only one of its root.

    Attributes:
        store: reads the root.
        parent: the snapshot to change, the current one.
        draft: an empty folder for the files of the new one.
    """

    store: SnapshotStore
    parent: Manifest
    draft: Path
    _root_url: str

    def publish(self, shards: Iterable[ShardEntry], now: datetime, *, more_skipped_images: int = 0) -> Manifest:
        """Publish the new snapshot and make it current; its files are those of the draft and those it takes over.

        Args:
            shards: all of the new snapshot, in any order.
            now: the time of building.
            more_skipped_images: pictures that could not be read this time.

        Raises:
            SnapshotInvalid: a file is not there as the manifest describes it.
            FailedPrecondition: the parent is not the current snapshot any more.
            OSError: the root can't be written; the parent is still current.
        """
        manifest = Manifest.model_validate(
            {
                **dict(self.parent),
                "parent": self.parent.snapshot_id,
                "skipped_images": self.parent.skipped_images + more_skipped_images,
                "shards": tuple(sorted(shards, key=lambda shard: (shard.baseline, shard.slug))),
            }
        )
        # Ids have seconds, and sort by time also when two changes follow each other within one.
        after_parent = datetime.fromisoformat(self.parent.created_at) + timedelta(seconds=1)
        manifest = stamped(manifest, max(now, after_parent))
        publish(self._root_url, self.draft, manifest)
        return manifest


@contextmanager
def changing(snapshot_root: str, work_root: Path) -> Iterator[Change]:
    """Change the current snapshot of a root as its only writer; without `publish`, nothing happens.

    Args:
        snapshot_root: folder or fsspec URL.
        work_root: where unfinished work is kept when the root is remote.

    Raises:
        SnapshotNotFound: nothing was published here yet.
        FailedPrecondition: another writer is at work.
        OSError: the root can't be written.
    """
    root, store = SnapshotRoot.at(snapshot_root), SnapshotStore(snapshot_root)
    store.current_id()  # a root with a typing error in it must not be made
    with writer_lock(root, work_root):
        draft = writers_folder(root, work_root) / "building" / "change"
        shutil.rmtree(draft, ignore_errors=True)  # a crashed change's
        draft.mkdir(parents=True)
        try:
            yield Change(store, store.manifest(), draft, snapshot_root)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def now_utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
