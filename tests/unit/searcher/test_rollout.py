"""Loading a snapshot beside the one that is served: what is read, what is shared, what is refused, what is freed."""

import asyncio
import gc
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.common.errors import (
    AisleError,
    SettingsInvalid,
    SnapshotInvalid,
    SnapshotMismatch,
    SpaceMismatch,
    Unavailable,
)
from services.searcher.loading import Known, LoadedSnapshot
from services.searcher.rollout import Rollout
from services.searcher.shelf import Shelf
from services.snapshot.current import replace_current
from services.snapshot.manifest import FileEntry, Manifest
from services.snapshot.root import SnapshotRoot
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
        unreadable: a snapshot that the storage does not give at the moment; "all": it lists none either.
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.read: Counter[str] = Counter()
        self.held = threading.Event()
        self.held.set()
        self.unreadable = ""

    def manifest(self, snapshot_id: str | None = None) -> Manifest:
        if self.unreadable in {snapshot_id, "all"}:
            raise Unavailable(f"the storage does not give {snapshot_id}")
        return super().manifest(snapshot_id)

    def predecessors(self, snapshot_id: str) -> Iterator[str]:
        if self.unreadable == "all":
            raise Unavailable("the storage lists nothing")
        return super().predecessors(snapshot_id)

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
        """Publish: bags are the same each time, shoes and other categories are not; more shoes are later ones."""
        return publish_snapshot(self.root, {"Bags": 7, "Shoes": shoes, **others}, hours_later=shoes)

    @property
    def held(self) -> list[str]:
        return [each.snapshot_id for each in self.shelf.held]

    def segment_of(self, slug: str) -> weakref.ref[object]:
        """Return a weak reference to the current snapshot's segment of a shard."""
        loaded = self.shelf.look("")
        places = sorted(loaded.shards)
        return weakref.ref(list(loaded.known.segments.values())[places.index(slug)])


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
            for name in ("index.faiss", "items.arrow", "golden.arrow")
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


async def test_a_shard_that_is_gone_from_the_snapshot_holds_up_no_other(scene: Scene) -> None:
    """Told to serve bags and hats, it serves bags alone, also at its start, and takes up hats when they come."""
    rollout = scene.with_shards("bags", "hats")
    await rollout.begin(scene.publish(20).manifest.snapshot_id)
    assert list(scene.shelf.look("").shards) == ["bags"]
    assert await rollout.adopt(scene.publish(21, Hats=3).manifest.snapshot_id)
    assert list(scene.shelf.look("").shards) == ["bags", "hats"]
    await rollout.close()


async def test_where_all_shards_are_gone_the_snapshot_is_refused(scene: Scene) -> None:
    """There would be nothing to serve; whoever serves every shard takes up what there is."""
    rollout = scene.with_shards("hats")
    first = await rollout.begin(scene.publish(20, Hats=3).manifest.snapshot_id)
    second = scene.publish(21, Caps=2).manifest.snapshot_id
    with pytest.raises(SettingsInvalid, match="no shard hats; it has bags, caps, shoes"):
        await rollout.adopt(second)
    assert scene.held == [first]
    await rollout.close()
    assert await scene.rollout.adopt(second)
    assert list(scene.shelf.look("").shards) == ["bags", "caps", "shoes"]


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


async def test_what_was_loaded_in_vain_is_not_loaded_again(scene: Scene) -> None:
    """Where CURRENT changes faster than a snapshot loads, each one gets further than the one before."""
    await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    second, third = (
        publish_snapshot(scene.root, {"Bags": 7, "Coats": 5, "Shoes": shoes}, hours_later=shoes) for shoes in (21, 22)
    )
    scene.store.read.clear()
    adopting = asyncio.create_task(scene.rollout.adopt(second.manifest.snapshot_id))
    await until(lambda: scene.store.read["coats"] == 3)
    adopting.cancel()
    await asyncio.gather(adopting, return_exceptions=True)
    assert await scene.rollout.adopt(third.manifest.snapshot_id)
    assert scene.store.read["coats"] == 3


async def test_what_was_refused_leaves_nothing_behind(scene: Scene) -> None:
    """What of it was sound is freed; so is what was loaded for a snapshot that was gone back from."""
    first = await scene.rollout.begin(scene.publish(20).manifest.snapshot_id)
    torn = scene.publish(21, Coats=5)
    flip_a_byte(torn.folder / "shoes" / "index.faiss")
    with pytest.raises(SnapshotInvalid):
        await scene.rollout.adopt(torn.manifest.snapshot_id)
    assert scene.rollout._unfinished == Known()
    adopting = asyncio.create_task(scene.rollout.adopt(scene.publish(22, Coats=5).manifest.snapshot_id))
    await until(lambda: scene.store.read["coats"] == 6)
    adopting.cancel()
    await asyncio.gather(adopting, return_exceptions=True)
    assert await scene.rollout.adopt(first)
    assert scene.rollout._unfinished == Known()


async def test_a_start_takes_the_last_good_snapshot_when_the_current_one_is_refused(scene: Scene) -> None:
    """It says which was refused and why, as it would have if it had not ended, and is done with that."""
    first = scene.publish(20).manifest.snapshot_id
    torn = scene.publish(21)
    flip_a_byte(torn.folder / "shoes" / "index.faiss")
    second = scene.publish(22)
    (second.folder / "manifest.json").unlink()
    with capture_logs() as logged:
        assert await scene.rollout.begin("") == second.manifest.snapshot_id
    assert scene.held == [first]
    told = [(line["event"], line["snapshot_id"]) for line in logged if line["log_level"] != "info"]
    assert told == [
        ("snapshot_passed_over", torn.manifest.snapshot_id),
        ("snapshot_refused", second.manifest.snapshot_id),
    ]
    with pytest.raises(SnapshotMismatch, match=r"refused: SNAPSHOT_NOT_FOUND: .*manifest\.json"):
        scene.shelf.look(second.manifest.snapshot_id)


async def test_a_start_never_takes_what_was_rolled_back(scene: Scene) -> None:
    """Newer than the current snapshot, and so never one to fall back to: the start is refused as it was."""
    current = scene.publish(20)
    scene.publish(21)
    (scene.root / "CURRENT").write_text(current.manifest.snapshot_id + "\n")
    flip_a_byte(current.folder / "shoes" / "index.faiss")
    with pytest.raises(SnapshotInvalid, match=r"shoes/index\.faiss"):
        await scene.rollout.begin("")


@pytest.mark.parametrize("content", [b"", b"60260131T120000Z-0123456789ab\n", None], ids=["empty", "another", "lost"])
async def test_a_start_takes_what_was_current_while_current_is_damaged(scene: Scene, content: bytes | None) -> None:
    """Not the latest one, which was gone back from; and when CURRENT is mended, that is what it names."""
    first, second = (scene.publish(shoes).manifest.snapshot_id for shoes in (20, 21))
    replace_current(SnapshotRoot.at(scene.root), first, instead_of=second)
    (scene.root / "CURRENT").unlink() if content is None else (scene.root / "CURRENT").write_bytes(content)
    with capture_logs() as logged:
        assert await scene.rollout.begin("") == first
    assert scene.held == [first]
    assert logged[0]["log_level"] == "error"
    assert logged[0]["beginning_with"] == first


async def test_what_was_refused_for_the_moment_is_to_be_tried_again(scene: Scene) -> None:
    """The storage answers again, one day: what is followed from is what is served."""
    first = scene.publish(20).manifest.snapshot_id
    second = scene.publish(21).manifest.snapshot_id
    scene.store.unreadable = second
    assert await scene.rollout.begin("") == first
    assert scene.held == [first]


async def test_a_start_without_storage_says_what_is_wrong_with_the_current_one(scene: Scene) -> None:
    """That others can't be looked for either is no news."""
    scene.publish(20)
    current = scene.publish(21).manifest.snapshot_id
    scene.store.unreadable = "all"
    with pytest.raises(Unavailable, match=f"does not give {current}"):
        await scene.rollout.begin("")


async def test_a_pinned_start_takes_nothing_else(scene: Scene) -> None:
    """Whoever names a snapshot means it."""
    scene.publish(20)
    torn = scene.publish(21)
    flip_a_byte(torn.folder / "shoes" / "index.faiss")
    with pytest.raises(SnapshotInvalid, match=r"shoes/index\.faiss"):
        await scene.rollout.begin(torn.manifest.snapshot_id)


async def test_one_that_is_added_is_searched_by_name_only(scene: Scene) -> None:
    """The current one is what it was, and what both share is not read again."""
    first = scene.publish(20).manifest.snapshot_id
    second = await scene.rollout.begin(scene.publish(21).manifest.snapshot_id)
    scene.store.read.clear()
    for _ in range(2):
        await scene.rollout.add(first)
    assert scene.held == [second, first]
    assert scene.store.read == {"shoes": 3}
    assert scene.rollout._unfinished == Known()
