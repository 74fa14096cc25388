"""What a searcher tells of the snapshots in its memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from services.searcher.loading import LoadedSnapshot
from services.searcher.metrics import SearcherState
from services.searcher.pool import SearchPool
from services.searcher.rollout import Rollout
from services.searcher.shelf import Shelf
from services.snapshot.manifest import FileEntry, Manifest
from services.snapshot.store import SnapshotStore
from tests.support.clocks import ManualTime
from tests.support.snapshots import publish_snapshot

SECONDS_A_FILE = 2.0
FILES_A_SEGMENT = 3


class SlowStorage(SnapshotStore):
    """Takes its time for each file."""

    def __init__(self, root: Path, time: ManualTime) -> None:
        super().__init__(root)
        self._time = time

    def fetch(self, manifest: Manifest, entry: FileEntry) -> Path:
        self._time.advance(SECONDS_A_FILE)
        return super().fetch(manifest, entry)


@pytest.fixture
async def pool() -> AsyncIterator[SearchPool]:
    """A pool that nobody uses."""
    pool = SearchPool(1, 0, prepare_thread=lambda: None)
    yield pool
    await pool.close()


async def test_it_tells_what_each_snapshot_took_to_load_and_what_all_of_them_keep_open(
    tmp_path: Path, pool: SearchPool
) -> None:
    """What a snapshot shares with the one before is neither loaded again nor counted twice."""
    time, registry = ManualTime(), CollectorRegistry()
    shelf = Shelf[LoadedSnapshot](600.0, time)
    rollout = Rollout(SlowStorage(tmp_path, time), (), shelf, clock=time, sleep=time.sleep)
    SearcherState(registry, pool=pool, shelf=shelf, refusals=lambda: rollout.refusals)
    first = publish_snapshot(tmp_path, {"Bags": 7, "Shoes": 5}).manifest
    await rollout.begin("")
    second = publish_snapshot(tmp_path, {"Bags": 7, "Shoes": 6}, hours_later=1).manifest
    await rollout.add(second.snapshot_id)

    def load_seconds(snapshot: Manifest) -> float | None:
        labels = {"snapshot_id": snapshot.snapshot_id}
        return registry.get_sample_value("aisle_searcher_snapshot_load_seconds", labels)

    assert load_seconds(first) == 2 * FILES_A_SEGMENT * SECONDS_A_FILE
    assert load_seconds(second) == FILES_A_SEGMENT * SECONDS_A_FILE, "of its shoes only"
    bags, *shoes = (*first.shards, second.shards[-1])
    kept = [file for shard in (bags, *shoes) for each in shard.segments for file in (each.index.file, each.items)]
    assert registry.get_sample_value("aisle_searcher_files_bytes") == sum(file.size_bytes for file in kept)
    assert registry.get_sample_value("aisle_searcher_images") == 12
    await rollout.close()
