"""A searcher gets what gateways answer from and it lacks."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from services.searcher.catching_up import CatchingUp
from services.searcher.loading import LoadedSnapshot
from services.searcher.rollout import Rollout
from services.searcher.shelf import Shelf
from services.snapshot.following import Following
from services.snapshot.store import SnapshotStore
from tests.support.clocks import ManualClock
from tests.support.gateway import until
from tests.support.searching import flip_a_byte
from tests.support.snapshots import PublishedSnapshot, publish_snapshot


async def test_what_is_claimed_and_lacking_is_loaded_beside_the_current_one(tmp_path: Path) -> None:
    """One that is damaged is said once, and keeps nobody from having the other one."""
    older, damaged, current = [publish_snapshot(tmp_path, {"Shoes": 20 + n}, hours_later=n) for n in range(3)]
    flip_a_byte(damaged.folder / "shoes" / "items.arrow")
    shelf = Shelf[LoadedSnapshot](600.0, ManualClock())
    rollout = Rollout(SnapshotStore(tmp_path), (), shelf)
    await rollout.begin("")
    catching_up = CatchingUp(shelf, rollout)
    following = Following(catching_up.wanted_id, catching_up, served_id="", period_seconds=0.01)
    with capture_logs() as logged:
        await asyncio.sleep(0.05)
        assert held(shelf) == ids(current)
        for gateway, used in (("one", older), ("two", damaged), ("three", current)):
            shelf.claim(gateway, *ids(used))
        await until(lambda: held(shelf) == ids(current, older))
    await following.close()
    await rollout.close()
    assert [(line["event"], line["snapshot_id"]) for line in logged if line["event"].startswith("snapshot")] == [
        ("snapshot_refused", *ids(damaged)),
        ("snapshot_added", *ids(older)),
    ]


def held(shelf: Shelf[LoadedSnapshot]) -> list[str]:
    return [each.snapshot_id for each in shelf.held]


def ids(*snapshots: PublishedSnapshot) -> list[str]:
    return [snapshot.manifest.snapshot_id for snapshot in snapshots]
