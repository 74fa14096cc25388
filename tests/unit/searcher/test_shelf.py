"""Which snapshots a searcher keeps, by who asks for them."""

from dataclasses import dataclass

import pytest

from services.common.errors import NotServing, SnapshotMismatch
from services.searcher.shelf import Shelf
from tests.support.clocks import ManualClock


@dataclass(frozen=True)
class Loaded:
    """A snapshot that holds nothing."""

    snapshot_id: str


def shelf_with(*snapshot_ids: str) -> tuple[Shelf[Loaded], ManualClock]:
    """Return a shelf onto which these were put one after the other, and its clock; it keeps for ten minutes."""
    clock = ManualClock()
    shelf = Shelf[Loaded](600.0, clock)
    for snapshot_id in snapshot_ids:
        shelf.put(Loaded(snapshot_id))
    return shelf, clock


def held(shelf: Shelf[Loaded]) -> list[str]:
    return [each.snapshot_id for each in shelf.held]


def test_an_empty_shelf_is_still_loading() -> None:
    """The caller should come back, not look for another snapshot."""
    shelf, _ = shelf_with()
    for snapshot_id in ("", "a"):
        with pytest.raises(NotServing):
            shelf.take(snapshot_id)


def test_both_are_found_by_name_and_the_current_one_without() -> None:
    """A caller in the middle of a rollout finds what it plans with."""
    shelf, _ = shelf_with("a", "b")
    assert [shelf.take(each).snapshot_id for each in ("a", "b", "")] == ["a", "b", "b"]
    assert held(shelf) == ["b", "a"]


def test_another_one_is_refused_by_name_with_the_reason_that_is_known() -> None:
    """Whoever waits for it wants to know why."""
    shelf, _ = shelf_with("a")
    shelf.refuse("b", "SNAPSHOT_INVALID: torn")
    with pytest.raises(
        SnapshotMismatch, match=r"'b' is not served here, but a; it was refused: SNAPSHOT_INVALID: torn"
    ):
        shelf.take("b")
    with pytest.raises(SnapshotMismatch, match=r"'c' is not served here, but a$"):
        shelf.take("c")


def test_going_back_to_the_one_before_needs_no_loading() -> None:
    """Both stay, and the current one is the other."""
    shelf, _ = shelf_with("a", "b")
    assert shelf.choose("a")
    assert held(shelf) == ["a", "b"]
    assert not shelf.choose("c")
    assert held(shelf) == ["a", "b"]


def test_a_third_takes_the_place_of_the_oldest() -> None:
    """Once callers have moved on to the second."""
    shelf, clock = shelf_with("a", "b")
    shelf.take("a")
    shelf.take("b")
    clock.advance(2.0)
    assert shelf.has_room
    assert shelf.put(Loaded("c")) == "a"
    assert held(shelf) == ["c", "b"]


def test_a_third_takes_the_place_of_one_that_nobody_ever_used() -> None:
    """Another searcher refused it, so all callers are still with the first."""
    shelf, clock = shelf_with("a", "b")
    shelf.take("a")
    shelf.look("b")
    clock.advance(2.0)
    shelf.take("a")
    assert shelf.has_room
    assert shelf.put(Loaded("c")) == "b"
    assert held(shelf) == ["c", "a"]


def test_a_third_waits_for_those_who_may_still_need_the_first() -> None:
    """A request's second wave comes up to two seconds after its first."""
    shelf, clock = shelf_with("a", "b")
    shelf.take("b")
    clock.advance(5.0)
    shelf.take("a")
    assert not shelf.has_room
    clock.advance(1.9)
    assert not shelf.has_room
    clock.advance(0.1)
    assert shelf.has_room


def test_the_one_before_is_freed_when_nobody_asks_for_it_for_long_enough() -> None:
    """Counted from when it ceased to be current, or was asked for last; the current one is never freed."""
    shelf, clock = shelf_with("a")
    clock.advance(10_000.0)
    shelf.put(Loaded("b"))
    clock.advance(599.0)
    assert shelf.tidy() == ()
    shelf.take("a")
    clock.advance(599.0)
    assert shelf.tidy() == ()
    clock.advance(1.0)
    assert shelf.tidy() == ("a",)
    clock.advance(10_000.0)
    assert (shelf.tidy(), held(shelf)) == ((), ["b"])


def test_what_a_caller_says_it_uses_is_kept() -> None:
    """As if it searched; to say so of one that is not here is no error."""
    shelf, clock = shelf_with("a", "b")
    clock.advance(599.0)
    shelf.keep("a")
    shelf.keep("gone")
    shelf.keep("")
    clock.advance(1.0)
    assert shelf.tidy() == ()


def test_looking_is_not_asking() -> None:
    """A gateway that waits for a snapshot does not use it yet."""
    shelf, clock = shelf_with("a", "b")
    clock.advance(599.0)
    shelf.look("a")
    clock.advance(1.0)
    assert shelf.tidy() == ("a",)
