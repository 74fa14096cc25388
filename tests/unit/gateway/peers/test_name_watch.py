"""Names are looked up now and then, soon again where a replica is missing, and keep their addresses when DNS fails."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
import structlog

from services.common.errors import Unavailable
from services.gateway.peers.addresses import MOST_ADDRESSES, Addresses, Change, Name
from services.gateway.peers.name_watch import NameWatch, WatchRules
from tests.support.virtual_time import run_virtually

RULES = WatchRules(period_seconds=5.0, missing_seconds=1.0)


class FakeNames:
    """Knows what it is told."""

    def __init__(self, hosts: Mapping[str, Sequence[str]]) -> None:
        self.hosts = dict(hosts)
        self.asked = Counter[str]()
        self.defective: str | None = None

    async def addresses(self, name: Name) -> Sequence[str]:
        """Return them, or say that there are none."""
        self.asked[name.host] += 1
        await asyncio.sleep(0)
        if name.host == self.defective:
            raise ValueError(name.host)
        if name.host not in self.hosts:
            raise Unavailable(f"{name.host}: not found")
        return [f"{host}:{name.port}" for host in self.hosts[name.host]]


class Scene:
    """A watch over two names, and what it told."""

    def __init__(self, names: FakeNames, not_ready: Collection[str] = ()) -> None:
        self.names = names
        self.not_ready = set(not_ready)
        self.addresses = Addresses(["a:1", "b:1", "10.0.0.9:1"])
        self.changes: list[Change] = []
        self.watch = NameWatch(
            self.addresses,
            names,
            on_change=self.changes.append,
            is_ready=lambda address: address not in self.not_ready,
            rules=RULES,
        )


def scene_after(scene: Callable[[], Scene], seconds: float, meanwhile: Callable[[Scene], None] | None = None) -> Scene:
    """Look, do something, and let time pass."""

    async def play() -> Scene:
        made = scene()
        await made.watch.look()
        if meanwhile is not None:
            meanwhile(made)
        await asyncio.sleep(seconds)
        await made.watch.close()
        return made

    return run_virtually(play())


def test_names_are_looked_up_again_and_again() -> None:
    """At once and each period; what joins and what leaves is told once."""

    def moved(scene: Scene) -> None:
        scene.names.hosts["a"] = ["10.0.0.2", "10.0.0.3"]

    scene = scene_after(lambda: Scene(FakeNames({"a": ["10.0.0.1"], "b": ["10.0.0.3"]})), 21.0, moved)
    assert scene.names.asked == {"a": 5, "b": 5}
    assert scene.changes == [
        Change(joined=("10.0.0.1:1",)),
        Change(joined=("10.0.0.3:1",)),
        Change(joined=("10.0.0.2:1",), left=("10.0.0.1:1",)),
    ]


@pytest.mark.parametrize("known", [["10.0.0.1"], None])
def test_a_missing_replica_is_looked_for_each_second(known: Sequence[str] | None) -> None:
    """Whether it is not ready or was never found; the other name has time."""
    hosts: dict[str, Sequence[str]] = {"b": ["10.0.0.3"]}
    if known is not None:
        hosts["a"] = known
    scene = scene_after(lambda: Scene(FakeNames(hosts), not_ready=["10.0.0.1:1"]), 4.5)
    assert scene.names.asked == {"a": 5, "b": 1}


def test_when_dns_fails_the_last_answer_holds_and_the_log_says_so_once() -> None:
    """And once more when it fails again after an answer."""

    def forgotten(scene: Scene) -> None:
        del scene.names.hosts["a"]

    with structlog.testing.capture_logs() as log:
        scene = scene_after(lambda: Scene(FakeNames({"a": ["10.0.0.1"], "b": ["10.0.0.3"]})), 30.0, forgotten)
    assert scene.addresses.of("a:1") == ("10.0.0.1:1",)
    (said,) = [line for line in log if line["event"] == "name_unknown"]
    assert (said["target"], said["error"], said["kept"]) == ("a:1", "a: not found", ("10.0.0.1:1",))


def test_an_answer_with_too_many_addresses_is_said() -> None:
    """Once, for as long as nothing changes."""
    many = [f"10.0.{number // 250}.{1 + number % 250}" for number in range(2_000)]
    with structlog.testing.capture_logs() as log:
        scene = scene_after(lambda: Scene(FakeNames({"a": many, "b": ["10.1.0.1"]})), 21.0)
    assert len(scene.addresses.of("a:1")) == MOST_ADDRESSES
    (said,) = [line for line in log if line["event"] == "addresses_left_out"]
    assert (said["target"], said["found"], said["most"]) == ("a:1", 2_000, MOST_ADDRESSES)


def test_pods_of_both_kinds_of_address_are_not_too_many() -> None:
    """Their second addresses are not taken, and not missed."""
    both = [host for number in range(1, 151) for host in (f"10.0.0.{number}", f"[fd00::{number}]")]
    with structlog.testing.capture_logs() as log:
        scene = scene_after(lambda: Scene(FakeNames({"a": both, "b": ["10.1.0.1"]})), 1.0)
    assert len(scene.addresses.of("a:1")) == 150
    assert "addresses_left_out" not in {line["event"] for line in log}


def test_a_defect_does_not_end_the_watch() -> None:
    """It is said; what moves after that is found."""

    def fails_then_moves(scene: Scene) -> None:
        scene.names.defective = "b"
        loop = asyncio.get_running_loop()
        loop.call_later(11.0, setattr, scene.names, "defective", None)
        loop.call_later(11.0, scene.names.hosts.update, {"b": ["10.0.0.4"]})

    hosts = {"a": ["10.0.0.1"], "b": ["10.0.0.3"]}
    with structlog.testing.capture_logs() as log:
        scene = scene_after(lambda: Scene(FakeNames(hosts)), 21.0, fails_then_moves)
    assert scene.addresses.of("b:1") == ("10.0.0.4:1",)
    assert {line["work"] for line in log if line["event"] == "background_work_failed"} == {"name_watch"}


def test_an_address_that_another_name_has_already_is_told_too() -> None:
    """Nobody has joined, but the second name stands for something now."""
    scene = scene_after(lambda: Scene(FakeNames({"a": ["10.0.0.1"], "b": ["10.0.0.1"]})), 11.0)
    assert scene.changes == [Change(joined=("10.0.0.1:1",)), Change()]


def test_without_names_nothing_is_looked_up() -> None:
    """On one machine, addresses are all there is."""

    async def play() -> asyncio.Task[None] | None:
        watch = NameWatch(
            Addresses(["10.0.0.9:1"]), FakeNames({}), on_change=print, is_ready=lambda _: True, rules=RULES
        )
        await watch.look()
        await watch.close()
        return watch._watching

    assert run_virtually(play()) is None
