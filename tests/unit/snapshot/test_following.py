"""Following CURRENT by a clock that stands still: what is adopted, what is tried again, and what is given up."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from services.common.errors import AisleError, SnapshotInvalid, SnapshotNotFound, Unavailable
from services.snapshot.following import Following
from tests.support.clocks import ManualTime


@dataclass
class Root:
    """What CURRENT holds.

    Attributes:
        current: the id.
        error: raised instead, when set.
        looks: how often somebody looked.
    """

    current: str = "a"
    error: Exception | None = None
    looks: int = 0

    async def current_id(self) -> str:
        self.looks += 1
        if self.error is not None:
            raise self.error
        return self.current


@dataclass
class Adopter:
    """Does with a snapshot what the test says, then serves it.

    Attributes:
        served: the snapshots that it moved to, in order.
        tried: every attempt with its time.
        refusals: the reasons that it heard.
        outcomes: by snapshot, what becomes of its attempts: an error, or False for not yet; then it is served.
        cancelled: the snapshots whose attempts were cancelled.
        held: the snapshots whose attempts take for ever.
    """

    time: ManualTime
    served: list[str] = field(default_factory=list)
    tried: list[tuple[str, float]] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)
    outcomes: dict[str, list[Exception | bool]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    held: Sequence[str] = ()

    async def adopt(self, snapshot_id: str) -> bool:
        self.tried.append((snapshot_id, self.time() - 1_000.0))
        if snapshot_id in self.held:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.append(snapshot_id)
                raise
        if outcomes := self.outcomes.get(snapshot_id):
            outcome = outcomes.pop(0)
            if isinstance(outcome, Exception):
                raise outcome
            return outcome
        self.served.append(snapshot_id)
        return True

    def refused(self, snapshot_id: str, error: AisleError) -> None:
        self.refusals.append((snapshot_id, error.reason))


@dataclass
class Scene:
    """Somebody follows CURRENT, a look each second, and serves "a" from before."""

    time: ManualTime
    root: Root
    adopter: Adopter
    following: Following

    async def publish(self, snapshot_id: str, then_seconds: float = 1.0) -> None:
        self.root.current = snapshot_id
        await self.time.passes(then_seconds)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    """One who follows; closed in the end."""
    time, root = ManualTime(), Root()
    adopter = Adopter(time)
    following = Following(root.current_id, adopter, served_id="a", period_seconds=1.0, sleep=time.sleep)
    yield Scene(time, root, adopter, following)
    await following.close()


async def test_nothing_is_adopted_as_long_as_nothing_changes(scene: Scene) -> None:
    """One look each period, and not before its end."""
    await scene.time.passes(0.9)
    assert scene.root.looks == 0
    await scene.time.passes(10)
    assert scene.root.looks == 10
    assert scene.adopter.tried == []


async def test_each_change_is_adopted_once(scene: Scene) -> None:
    """Forward, and back again."""
    for snapshot_id in ("b", "c", "b", "a"):
        await scene.publish(snapshot_id, then_seconds=3.0)
    assert scene.adopter.served == ["b", "c", "b", "a"]
    assert len(scene.adopter.tried) == 4


async def test_what_is_not_ready_yet_is_asked_again_soon(scene: Scene) -> None:
    """A tenth of a second later at first, then more and more seldom, and it is no refusal."""
    scene.adopter.outcomes["b"] = [False] * 6
    await scene.publish("b", then_seconds=5.0)
    times = [at for _, at in scene.adopter.tried]
    assert times == pytest.approx([1.0, 1.1, 1.3, 1.7, 2.5, 3.5, 4.5])
    assert (scene.adopter.served, scene.adopter.refusals) == (["b"], [])


async def test_what_can_t_be_served_is_refused_once_until_current_changes(scene: Scene) -> None:
    """Also when it comes back later: it may have been mended."""
    scene.adopter.outcomes["b"] = [SnapshotInvalid("torn")]
    await scene.publish("b", then_seconds=1_000)
    assert scene.adopter.tried == [("b", 1.0)]
    assert scene.adopter.refusals == [("b", "SNAPSHOT_INVALID")]
    await scene.publish("a")
    await scene.publish("b")
    assert scene.adopter.served == ["a", "b"]


async def test_what_may_pass_is_tried_again_with_back_off_and_said_once(scene: Scene) -> None:
    """Pauses of 1, 2, 4 and up to 60 seconds; another reason is said, too."""
    scene.adopter.outcomes["b"] = [*[Unavailable("no network")] * 8, Unavailable("no disk")]
    await scene.publish("b", then_seconds=300)
    times = [at for _, at in scene.adopter.tried]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [*(1, 2, 4, 8, 16, 32, 60, 60, 60)]
    assert scene.adopter.refusals == [("b", "UNAVAILABLE")] * 2
    assert scene.adopter.served == ["b"]


async def test_a_defect_is_logged_once_with_its_traceback_and_tried_again(scene: Scene) -> None:
    """The task is nobody's to await; what came once in a while need not come again."""
    scene.adopter.outcomes["b"] = [ZeroDivisionError("oh")] * 3
    with capture_logs() as logged:
        await scene.publish("b", then_seconds=30)
    assert [(line["event"], line["exc_info"]) for line in logged] == [("adopting_failed", True)]
    assert scene.adopter.refusals == [("b", "INTERNAL")]
    assert scene.adopter.served == ["b"]
    times = [at for _, at in scene.adopter.tried]
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == [1, 2, 4]


async def test_an_adoption_ends_when_current_changes(scene: Scene) -> None:
    """Nobody waits for what is no longer wanted; least of all when it is rolled back."""
    scene.adopter.held = ["b"]
    await scene.publish("b")
    await scene.publish("a")
    assert (scene.adopter.cancelled, scene.adopter.served) == (["b"], ["a"])


async def test_what_waits_for_its_next_attempt_is_given_up_too(scene: Scene) -> None:
    """A minute's pause must not end in a snapshot that was replaced meanwhile."""
    scene.adopter.outcomes["b"] = [Unavailable("no network")] * 9
    await scene.publish("b", then_seconds=30)
    await scene.publish("c", then_seconds=200)
    assert scene.adopter.served == ["c"]
    assert [name for name, _ in scene.adopter.tried[-2:]] == ["b", "c"]


async def test_a_current_that_can_t_be_read_is_said_once_and_changes_nothing(scene: Scene) -> None:
    """Once per reason; when it can be read again, it counts."""
    with capture_logs() as logged:
        for error in (SnapshotInvalid("torn"), SnapshotNotFound("gone"), None, SnapshotInvalid("torn")):
            scene.root.error = error
            await scene.time.passes(5)
    assert [(line["event"], line["reason"]) for line in logged] == [
        ("current_unreadable", "SNAPSHOT_INVALID"),
        ("current_unreadable", "SNAPSHOT_NOT_FOUND"),
        ("current_unreadable", "SNAPSHOT_INVALID"),
    ]
    assert scene.adopter.tried == []
    scene.root.error = None
    await scene.publish("b")
    assert scene.adopter.served == ["b"]


async def test_a_defect_in_reading_ends_nothing(scene: Scene) -> None:
    """It is said once with its traceback, and when it has passed, CURRENT is followed as before."""
    scene.root.error = ZeroDivisionError("oh")
    with capture_logs() as logged:
        await scene.time.passes(5)
    assert [(line["event"], line["reason"], line["exc_info"]) for line in logged] == [
        ("current_unreadable", "INTERNAL", scene.root.error)
    ]
    scene.root.error = None
    await scene.publish("b")
    assert scene.adopter.served == ["b"]


async def test_closing_ends_what_is_under_way() -> None:
    """No task is left behind, and nothing is read any more."""
    time, root = ManualTime(), Root("b")
    adopter = Adopter(time, held=["b"])
    following = Following(root.current_id, adopter, served_id="a", period_seconds=1.0, sleep=time.sleep)
    await time.passes(1)
    await following.close()
    assert adopter.cancelled == ["b"]
    await time.passes(10)
    assert root.looks == 1
