"""A change of the current snapshot: from its lock to the new snapshot that shares what did not change."""

import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from services.snapshot.index_rules import IndexRules
from services.snapshot.manifest import Manifest, ShardEntry
from services.snapshot.publishing import publish, stamped
from services.snapshot.store import SnapshotStore
from services.snapshot.writer_lock import sole_writer, writers_folder


@dataclass(frozen=True, slots=True)
class ChangeReport:
    """What a change did.

    Attributes:
        before: the snapshot that was current.
        after: the one that is now; the same when there was nothing to do.
        published_at: when it had become current, in seconds since 1970; None when there was nothing to do.
    """

    before: Manifest
    after: Manifest
    published_at: float | None


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

    def publish(
        self,
        shards: Iterable[ShardEntry],
        now: datetime,
        *,
        more_skipped_images: int = 0,
        index_rules: IndexRules | None = None,
    ) -> ChangeReport:
        """Publish the new snapshot and make it current; its files are those of the draft and those it takes over.

        Args:
            shards: all of the new snapshot, in any order.
            now: the time of building.
            more_skipped_images: pictures that could not be read this time.
            index_rules: what its indexes are to be like from now on; None: as before.

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
                "index_rules": index_rules or self.parent.index_rules,
                "shards": tuple(sorted(shards, key=lambda shard: (shard.baseline, shard.slug))),
            }
        )
        manifest = publish(self._root_url, self.draft, stamped(manifest, now, after=self.parent.snapshot_id))
        return ChangeReport(self.parent, manifest, time.time())

    def nothing(self) -> ChangeReport:
        """Report that there was nothing to do."""
        return ChangeReport(self.parent, self.parent, None)


@contextmanager
def changing(snapshot_root: str, work_root: Path, *, patient: bool = False) -> Iterator[Change]:
    """Change the current snapshot of a root as its only writer; without `publish`, nothing happens.

    Args:
        snapshot_root: folder or fsspec URL.
        work_root: where unfinished work is kept when the root is remote.
        patient: wait for another writer to end instead of refusing.

    Raises:
        SnapshotNotFound: nothing was published here yet.
        SnapshotInvalid, Unavailable: the current snapshot can't be read.
        FailedPrecondition: another writer is at work.
        OSError: the root can't be written.
    """
    with sole_writer(snapshot_root, work_root, patient=patient) as root:
        store = SnapshotStore(snapshot_root)
        draft = writers_folder(root, work_root) / "building" / "change"
        shutil.rmtree(draft, ignore_errors=True)  # a crashed change's
        draft.unlink(missing_ok=True)  # or what somebody has put there
        draft.mkdir(parents=True)
        try:
            yield Change(store, store.manifest(), draft, snapshot_root)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def now_utc() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
