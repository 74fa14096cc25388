"""When a gateway moves to another snapshot, what holds it up, and what it tells the searchers meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from services.common.errors import SpaceMismatch
from services.gateway.answering.catalog import Catalog
from services.gateway.following.roll_call import RollCall
from services.gateway.following.rollout import Rollout
from services.snapshot.manifest import Manifest
from tests.support.clocks import ManualClock
from tests.support.gateway import CLASSIFIER, manifest_of
from tests.support.roll_call import TOPOLOGY, FakeDescribing
from tests.support.virtual_time import run_virtually


def catalog_of(manifest: Manifest) -> Catalog:
    if manifest.snapshot_id == "other-space":
        raise SpaceMismatch("vectors of another space")
    return Catalog.of(manifest, CLASSIFIER)


@dataclass
class Answering:
    """Remembers what it was told to search."""

    catalog: Catalog

    def serve(self, catalog: Catalog) -> None:
        self.catalog = catalog


@dataclass
class Diary:
    """What was recorded, in order."""

    entries: list[str] = field(default_factory=list)

    def serves(self, snapshot_id: str, *, switched: bool) -> None:
        self.entries.append(f"{'switched to' if switched else 'serves'} {snapshot_id}")

    def waits(self) -> None:
        if "waits" not in self.entries:
            self.entries.append("waits")

    def refused(self, reason: str) -> None:
        self.entries.append(reason)


@dataclass
class Scene:
    """A gateway that serves "a" and has ten seconds of patience."""

    time: ManualClock
    answering: Answering
    searchers: FakeDescribing
    diary: Diary
    rollout: Rollout
    read: list[str]

    @property
    def served(self) -> str:
        return self.answering.catalog.key.snapshot_id


def make_scene() -> Scene:
    """Return the gateway."""
    time, searchers, diary, read = ManualClock(), FakeDescribing(), Diary(), list[str]()
    answering = Answering(catalog_of(manifest_of(snapshot_id="a")))

    async def read_catalog(snapshot_id: str) -> Catalog:
        read.append(snapshot_id)
        return catalog_of(manifest_of(snapshot_id=snapshot_id))

    rollout = Rollout(
        answering,
        RollCall(searchers, TOPOLOGY),
        catalog_of=read_catalog,
        record=diary,
        patience_seconds=10.0,
        clock=time,
    )
    return Scene(time, answering, searchers, diary, rollout, read)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """The gateway; closed in the end."""
    made = make_scene()
    yield made
    await made.rollout.close()


async def test_the_switch_waits_until_each_shard_has_a_replica(scene: Scene) -> None:
    """The second searcher has three shards that the first can't answer for; the manifest is read once."""
    assert not await scene.rollout.adopt("b")
    scene.searchers.loaded["one"].add("b")
    assert not await scene.rollout.adopt("b")
    assert scene.served == "a"
    scene.searchers.loaded["two"].add("b")
    assert await scene.rollout.adopt("b")
    assert scene.served == "b"
    assert scene.read == ["b"]
    assert scene.diary.entries == ["serves a", "waits", "switched to b"]


async def test_a_shard_is_not_given_up_for_a_new_snapshot_however_long_it_takes(scene: Scene) -> None:
    """One searcher refused it: said once, with what it says about it, and the last good snapshot goes on."""
    scene.searchers.loaded["one"].add("b")
    with capture_logs() as logged:
        for _ in range(30):
            assert not await scene.rollout.adopt("b")
            scene.time.advance(1)
    assert scene.served == "a"
    (held_up,) = logged
    assert (held_up["event"], held_up["shards"]) == ("snapshot_held_up", ("shirts", "shoes"))
    assert held_up["searchers"] == {"two": "two refused it"}
    assert scene.diary.entries == ["serves a", "waits", "SHARDS_NOT_READY"]


async def test_what_no_searcher_answers_for_is_waited_for_only_so_long(scene: Scene) -> None:
    """It can't be searched in the old snapshot either."""
    scene.searchers.loaded["one"].add("b")
    scene.searchers.lost.add("two")
    assert not await scene.rollout.adopt("b")
    scene.time.advance(9.9)
    assert not await scene.rollout.adopt("b")
    scene.time.advance(0.1)
    assert await scene.rollout.adopt("b")
    assert scene.served == "b"


async def test_one_missed_answer_after_long_loading_is_no_reason_to_go_on_without_a_shard(scene: Scene) -> None:
    """The searcher loads for fifteen seconds and misses one question, just as the other one is ready."""
    scene.searchers.loaded["one"].add("b")
    for _ in range(15):
        assert not await scene.rollout.adopt("b")
        scene.time.advance(1)
    for _ in range(3):
        scene.searchers.lost.add("two")
        scene.time.advance(5)
        assert not await scene.rollout.adopt("b")
        scene.searchers.lost.clear()
        scene.time.advance(5)
        assert not await scene.rollout.adopt("b")
    scene.searchers.lost.add("two")
    assert not await scene.rollout.adopt("b")
    scene.time.advance(9.9)
    assert not await scene.rollout.adopt("b")
    scene.time.advance(0.1)
    assert await scene.rollout.adopt("b")


async def test_what_does_not_fit_the_models_is_refused(scene: Scene) -> None:
    """Before any searcher is asked; it is said, counted, and the old one goes on."""
    scene.searchers.loaded = {target: {"a", "other-space"} for target in scene.searchers.loaded}
    with pytest.raises(SpaceMismatch) as refused:
        await scene.rollout.adopt("other-space")
    with capture_logs() as logged:
        scene.rollout.refused("other-space", refused.value)
    assert [(line["event"], line["reason"], line["serving"]) for line in logged] == [
        ("snapshot_refused", "SPACE_MISMATCH", "a")
    ]
    assert scene.served == "a"
    assert scene.diary.entries == ["serves a", "waits", "SPACE_MISMATCH"]


async def test_going_back_to_what_is_served_ends_the_waiting(scene: Scene) -> None:
    """And the patience with the other one begins anew when it comes again."""
    assert not await scene.rollout.adopt("b")
    assert await scene.rollout.adopt("a")
    assert scene.diary.entries == ["serves a", "waits", "serves a"]
    scene.searchers.lost.add("two")
    scene.searchers.loaded["one"].add("b")
    scene.time.advance(20)
    assert not await scene.rollout.adopt("b")


def test_the_searchers_hear_which_snapshot_is_used() -> None:
    """From the start; the old one while it waits, the new one once it has switched, and then every ten seconds."""

    async def play() -> None:
        scene = make_scene()
        await asyncio.sleep(0.01)
        assert scene.searchers.used == {"one": "a", "two": "a"}
        scene.searchers.used.clear()
        assert not await scene.rollout.adopt("b")
        assert scene.searchers.used == {"one": "a", "two": "a"}
        scene.searchers.loaded = {target: {"a", "b"} for target in scene.searchers.loaded}
        assert await scene.rollout.adopt("b")
        assert scene.searchers.used == {"one": "b", "two": "b"}
        scene.searchers.used.clear()
        scene.searchers.lost.add("one")
        await asyncio.sleep(9.9)
        assert scene.searchers.used == {}
        await asyncio.sleep(0.2)
        assert scene.searchers.used == {"two": "b"}
        await scene.rollout.close()

    run_virtually(play())


def test_a_defect_does_not_end_what_the_searchers_hear() -> None:
    """They hear it again once it has passed."""

    async def play() -> None:
        scene = make_scene()
        scene.searchers.defect = ZeroDivisionError("a defect")
        await asyncio.sleep(9.9)
        assert scene.searchers.used == {}
        scene.searchers.defect = None
        await asyncio.sleep(0.2)
        assert scene.searchers.used == {"one": "a", "two": "a"}
        await scene.rollout.close()

    run_virtually(play())
