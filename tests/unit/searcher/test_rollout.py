"""Loading a snapshot beside the one that is served: what is read, what is shared, what is refused, what is freed."""

import asyncio
import gc
import os
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.common.errors import AisleError, SettingsInvalid, SnapshotInvalid, SnapshotMismatch, SpaceMismatch
from services.searcher.loading import LoadedSnapshot
from services.searcher.rollout import Rollout, YieldingFiles
from services.searcher.shelf import Shelf
from services.snapshot.manifest import FileEntry, Manifest
from services.snapshot.store import SnapshotStore
from tests.support.clocks import ManualTime, settled
from tests.support.gateway import until
from tests.support.searching import flip_a_byte
from tests.support.snapshots import PublishedSnapshot, publish_snapshot


class Reading(SnapshotStore):
    """A store that counts the files that were read, by their shard, and can be held up.

    Attributes:
        read: files read since the count was cleared.
        held: set while a file may be read.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: Counter[str] = Counter()
        self.held = threading.Event()
        self.held.set()

    def fetch(self, manifest: Manifest, entry: FileEntry) -> Path:
        assert self.held.wait(10)
        self.read[entry.path.split("/")[0]] += 1
        return super().fetch(manifest, entry)


@dataclass
class Scene:
    """A searcher's rollout below a root, by a clock that stands still."""

    root: Path
    time: ManualTime = field(default_factory=ManualTime)

    def __post_init__(self) -> None:
        self.store = Reading(self.root)
        self.shelf = Shelf[LoadedSnapshot](600.0, self.time)
        self.rollout = self.with_shards()

    def with_shards(self, *slugs: str) -> Rollout:
        return Rollout(self.store, slugs, self.shelf, clock=self.time, sleep=self.time.sleep)

    def publish(self, shoes: int, **others: int) -> PublishedSnapshot:
        """Publish: bags are the same each time, shoes and other categories are not."""
        return publish_snapshot(self.root, {"Bags": 7, "Shoes": shoes, **others})

    @property
    def held(self) -> list[str]:
        return [each.snapshot_id for each in self.shelf.held]

    def segment_of(self, slug: str) -> weakref.ref[object]:
        """Return a weak reference to the current snapshot's segment of a shard."""
        loaded = self.shelf.look("")
        places = sorted(loaded.shards)
        return weakref.ref(list(loaded.segments.values())[places.index(slug)])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """The rollout; closed in the end."""
    scene = Scene(tmp_path)
    yield scene
    await scene.rollout.close()


async def test_what_did_not_change_is_neither_read_nor_held_twice(scene: Scene) -> None:
    """Bags are the very segment of before; the three files of the shoes are read."""
    scene.publish(20)
    await scene.rollout.begin("")
    bags = scene.segment_of("bags")
    scene.store.read.clear()
    second = scene.publish(21)
    assert await scene.rollout.adopt(second.manifest.snapshot_id)
    assert scene.store.read == {"shoes": 3}
    assert scene.segment_of("bags")() is bags()
    assert scene.held[0] == second.manifest.snapshot_id


async def test_going_back_reads_nothing(scene: Scene) -> None:
    """Both are there."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    second = scene.publish(21).manifest.snapshot_id
    await scene.rollout.adopt(second)
    scene.store.read.clear()
    with capture_logs() as logged:
        assert await scene.rollout.adopt(first)
    assert (scene.held, scene.store.read) == ([first, second], {})
    assert [(line["event"], line["snapshot_id"], line["before"]) for line in logged] == [
        ("snapshot_switched", first, second)
    ]


async def test_what_has_to_leave_is_freed_and_what_is_shared_stays(scene: Scene) -> None:
    """The shoes of the first go with it; its bags live on in the others."""
    await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    shoes, bags = scene.segment_of("shoes"), scene.segment_of("bags")
    await scene.rollout.adopt(second := scene.publish(21).manifest.snapshot_id)
    scene.shelf.take(second)
    await scene.time.passes(5)
    await scene.rollout.adopt(third := scene.publish(22).manifest.snapshot_id)
    gc.collect()
    assert scene.held == [third, second]
    assert shoes() is None
    assert bags() is not None


async def test_the_one_before_is_freed_after_its_time(scene: Scene) -> None:
    """Without anybody doing anything."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    shoes = scene.segment_of("shoes")
    await scene.rollout.adopt(second := scene.publish(21).manifest.snapshot_id)
    with capture_logs() as logged:
        await scene.time.passes(601)
    gc.collect()
    assert (scene.held, shoes()) == ([second], None)
    assert [(line["event"], line["snapshot_id"]) for line in logged] == [("snapshot_freed", first)]


async def test_a_third_waits_until_requests_in_work_have_ended(scene: Scene) -> None:
    """It is loaded already; half a minute at most, for no request takes longer."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    await scene.rollout.adopt(second := scene.publish(21).manifest.snapshot_id)
    scene.shelf.take(second)
    scene.shelf.take(first)
    third = scene.publish(22).manifest.snapshot_id
    adopting = asyncio.create_task(scene.rollout.adopt(third))
    await until(lambda: scene.store.read["shoes"] == 9)
    for _ in range(29):
        scene.shelf.take(first)
        await scene.time.passes(1)
    assert scene.held == [second, first]
    await scene.time.passes(2)
    assert await adopting
    assert scene.held == [third, second]


def newer_schema(folder: Path) -> None:
    manifest = folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema_version": 3', '"schema_version": 4'))


def damaged(name: str, damage: Callable[[Path], None]) -> Callable[[Path], None]:
    return lambda folder: damage(folder / name)


@pytest.mark.parametrize(
    ("harm", "named"),
    [
        *(
            (damaged(f"shoes/{name}", damage), f"shoes/{name}")
            for name in ("index.faiss", "items.arrow", "golden.parquet")
            for damage in (flip_a_byte, Path.unlink)
        ),
        (damaged("manifest.json", flip_a_byte), "manifest.json"),
        (newer_schema, "schema version 4"),
    ],
)
async def test_what_is_damaged_is_refused_by_name_and_the_old_one_goes_on(
    scene: Scene, harm: Callable[[Path], None], named: str
) -> None:
    """Nothing of it stays in memory, and the next one is taken."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    second = scene.publish(21)
    harm(second.folder)
    with pytest.raises(SnapshotInvalid, match=named):
        await scene.rollout.adopt(second.manifest.snapshot_id)
    assert scene.held == [first]
    assert await scene.rollout.adopt(scene.publish(22).manifest.snapshot_id)


async def test_another_space_id_than_its_vectors_make_is_refused(scene: Scene) -> None:
    """As at the start."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    other = publish_snapshot(scene.root, {"Shoes": 3}, space_id="0123456789abcdef")
    with pytest.raises(SpaceMismatch):
        await scene.rollout.adopt(other.manifest.snapshot_id)
    assert scene.held == [first]


async def test_a_shard_that_is_gone_from_the_snapshot_is_refused_where_it_was_asked_for(scene: Scene) -> None:
    """Whoever was told to serve hats does not go on without them; whoever serves everything does."""
    rollout = scene.with_shards("bags", "hats")
    first = await rollout.begin(scene.publish(20, Hats=3).manifest.snapshot_id)
    second = scene.publish(21).manifest.snapshot_id
    with pytest.raises(SettingsInvalid, match="no shard 'hats'; it has bags, shoes"):
        await rollout.adopt(second)
    assert scene.held == [first]
    await rollout.close()
    assert await scene.rollout.adopt(second)
    assert list(scene.shelf.look("").shards) == ["bags", "shoes"]


async def test_a_refusal_is_said_counted_and_told_to_those_who_ask(scene: Scene) -> None:
    """An operator finds it in the log, a gateway in the error."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    error: AisleError = SnapshotInvalid("shoes/index.faiss: damaged")
    with capture_logs() as logged:
        scene.rollout.refused("second", error)
        scene.rollout.refused("second", error)
    assert [(line["event"], line["reason"], line["serving"], line["refusals"]) for line in logged] == [
        ("snapshot_refused", "SNAPSHOT_INVALID", first, 1),
        ("snapshot_refused", "SNAPSHOT_INVALID", first, 2),
    ]
    with pytest.raises(SnapshotMismatch, match=r"refused: SNAPSHOT_INVALID: shoes/index\.faiss: damaged"):
        scene.shelf.look("second")


async def test_an_adoption_can_be_cancelled_between_two_shards(scene: Scene) -> None:
    """The shard in work is finished in its thread, the next one is not begun, and nothing was switched."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    second = publish_snapshot(scene.root, {"Coats": 5, "Shoes": 21}).manifest.snapshot_id
    scene.store.read.clear()
    scene.store.held.clear()
    adopting = asyncio.create_task(scene.rollout.adopt(second))
    await asyncio.sleep(0.2)
    adopting.cancel()
    scene.store.held.set()
    await asyncio.gather(adopting, return_exceptions=True)
    assert adopting.cancelled()
    await scene.rollout.close()
    await settled()
    assert set(scene.store.read) <= {"coats"}
    assert scene.held == [first]


async def test_files_are_verified_with_what_is_left_of_the_cores(tmp_path: Path) -> None:
    """Linux gives each thread a priority; that of the others stays as it was."""
    before = os.getpriority(os.PRIO_PROCESS, 0)

    class Files:
        priority = before

        def fetch(self, _manifest: Manifest, _entry: FileEntry) -> Path:
            self.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            return tmp_path

    files = Files()
    yielding = YieldingFiles(files)
    snapshot = publish_snapshot(tmp_path, {"Shoes": 2})
    assert yielding.fetch(snapshot.manifest, snapshot.manifest.files[0]) == tmp_path
    yielding.close()
    assert files.priority == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
