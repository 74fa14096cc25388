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
    shelf.explain("b", "it was refused: SNAPSHOT_INVALID: torn")
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
    """Once callers have moved on to the second, or where none says what it uses."""
    shelf, clock = shelf_with("a", "b")
    shelf.claim("gateway", "a")
    shelf.claim("gateway", "b")
    shelf.take("a")
    shelf.take("b")
    clock.advance(2.0)
    assert shelf.has_room(as_current=True)
    assert shelf.put(Loaded("c")) == ("a",)
    assert held(shelf) == ["c", "b"]
    unclaimed, _ = shelf_with("a", "b", "c")
    assert held(unclaimed) == ["c", "b"]


def test_a_third_takes_the_place_of_one_that_no_caller_moved_to() -> None:
    """Another searcher refused it, so all callers are still with the first."""
    shelf, clock = shelf_with("a", "b")
    shelf.claim("gateway", "a")
    shelf.look("b")
    clock.advance(2.0)
    shelf.take("a")
    assert shelf.has_room(as_current=True)
    assert shelf.put(Loaded("c")) == ("b",)
    assert held(shelf) == ["c", "a"]


def test_what_a_caller_claims_is_not_taken_away_however_many_come_after_it() -> None:
    """One gateway stays with the first, another with the second; both have moved on when the claims are over."""
    shelf, clock = shelf_with("a", "b")
    for later in "cdef":
        shelf.claim("one", "a")
        shelf.claim("two", "b")
        clock.advance(60.0)
        shelf.put(Loaded(later))
        assert {"a", "b"} < set(held(shelf))
    assert held(shelf) == ["f", "a", "b"]
    shelf.claim("two", "f")
    clock.advance(60.0)
    assert shelf.put(Loaded("g")) == ("a", "b")


def test_a_caller_claims_one_at_a_time() -> None:
    """What it has moved away from is free, and nobody else's claim is."""
    shelf, clock = shelf_with("a")
    shelf.claim("one", "a")
    shelf.claim("two", "a")
    shelf.put(Loaded("b"))
    shelf.claim("one", "b")
    clock.advance(2.0)
    shelf.put(Loaded("c"))
    assert held(shelf) == ["c", "a", "b"]
    shelf.claim("two", "b")
    shelf.put(Loaded("d"))
    assert held(shelf) == ["d", "b"]


def test_one_that_gateways_ask_about_does_not_leave_while_they_do() -> None:
    """All searchers had it when they answered, so the gateway may switch to it in this very moment."""
    shelf, clock = shelf_with("a", "b")
    shelf.claim("gateway", "a")
    clock.advance(5.0)
    shelf.take("b")
    assert not shelf.has_room(as_current=True)
    clock.advance(2.0)
    assert shelf.has_room(as_current=True)


def test_a_third_waits_for_those_who_may_still_need_the_first() -> None:
    """A request's second wave comes up to two seconds after its first."""
    shelf, clock = shelf_with("a", "b")
    shelf.take("b")
    clock.advance(5.0)
    shelf.take("a")
    assert not shelf.has_room(as_current=True)
    clock.advance(1.9)
    assert not shelf.has_room(as_current=True)
    clock.advance(0.1)
    assert shelf.has_room(as_current=True)


def test_what_is_added_beside_the_current_one_leaves_that_what_it_is() -> None:
    """It takes the place of what nobody claims, and has none when three are needed."""
    shelf, _ = shelf_with("b", "c")
    shelf.claim("one", "a")
    assert shelf.lacking == "a"
    assert shelf.put(Loaded("a"), as_current=False) == ("b",)
    assert (held(shelf), shelf.lacking) == (["c", "a"], "")
    shelf.claim("two", "b")
    assert shelf.lacking == "b"
    assert shelf.put(Loaded("b"), as_current=False) == ()
    shelf.claim("three", "0")
    assert shelf.lacking == ""


def test_what_was_refused_for_good_is_not_lacking() -> None:
    """Another one that callers answer from has its turn; what may yet be had goes on being wanted."""
    shelf, clock = shelf_with("c")
    shelf.claim("one", "a")
    shelf.claim("two", "b")
    shelf.explain("b", "it was refused: UNAVAILABLE: no network")
    assert shelf.lacking == "b"
    shelf.explain("b", "it was refused: SNAPSHOT_INVALID: torn", for_good=True)
    assert shelf.lacking == "a"
    clock.advance(120.0)
    assert shelf.lacking == ""


def test_reasons_of_long_ago_are_forgotten() -> None:
    """A searcher lives for years, and snapshots come each hour."""
    shelf, _ = shelf_with("a")
    for number in range(1_001):
        shelf.explain(f"b{number}", "it was refused: torn")
    with pytest.raises(SnapshotMismatch, match="torn"):
        shelf.look("b1")
    with pytest.raises(SnapshotMismatch, match=r"but a$"):
        shelf.look("b0")


def test_whatever_callers_claim_each_is_tried_once() -> None:
    """Of those who name what there is not, a thousand are heard; what they name is refused once each."""
    shelf, _ = shelf_with("a")
    shelf.claim("gateway", "a")
    tried: list[str] = []
    for _ in range(2):
        for number in range(1_500):
            shelf.claim(f"caller {number}", f"none-{number}")
        while (snapshot_id := shelf.lacking) and len(tried) < 2_000:
            shelf.explain(snapshot_id, "it was refused: there is no such snapshot", for_good=True)
            tried.append(snapshot_id)
    assert sorted(tried) == sorted(f"none-{number}" for number in range(999))
    shelf.put(Loaded("b"))
    shelf.put(Loaded("c"))
    assert held(shelf) == ["c", "a"]


def test_after_two_minutes_others_may_claim() -> None:
    """Callers that are gone take no place from those who come."""
    shelf, clock = shelf_with("a")
    for number in range(1_000):
        shelf.claim(f"caller {number}", "a")
    shelf.claim("another", "b")
    assert shelf.lacking == ""
    clock.advance(120.0)
    shelf.claim("another", "b")
    assert shelf.lacking == "b"


def test_what_is_no_id_is_not_claimed() -> None:
    """It would be looked for, and a megabyte of it kept."""
    shelf, _ = shelf_with("a")
    for name in ("../outside", "x" * 1_000_000, "a b"):
        shelf.claim("caller", name)
    assert shelf.lacking == ""


def test_of_a_long_name_the_beginning_tells_callers_apart() -> None:
    """They may be as long as a message; two that begin alike are one caller."""
    shelf, _ = shelf_with("a")
    shelf.claim("n" * 1_000_000, "c")
    shelf.claim("n" * 128, "b")
    assert shelf.lacking == "b"


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


@pytest.mark.parametrize("keep_seconds", [600.0, 0.0])
def test_what_a_caller_claims_is_kept(keep_seconds: float) -> None:
    """For two minutes after it said so last, however short others are kept; what is not here may be claimed, too."""
    clock = ManualClock()
    shelf = Shelf[Loaded](keep_seconds, clock)
    for snapshot_id in ("a", "b"):
        shelf.put(Loaded(snapshot_id))
    clock.advance(599.0)
    for claimed in ("a", "gone", ""):
        shelf.claim(f"who uses {claimed}", claimed)
    clock.advance(119.0)
    assert shelf.tidy() == ()
    clock.advance(1.0)
    assert shelf.tidy() == ("a",)


def test_requests_in_work_keep_theirs_when_nothing_is_to_be_kept() -> None:
    """Two seconds are between the calls of one request."""
    clock = ManualClock()
    shelf = Shelf[Loaded](0.0, clock)
    shelf.put(Loaded("a"))
    shelf.put(Loaded("b"))
    clock.advance(1.9)
    assert shelf.tidy() == ()
    clock.advance(0.1)
    assert shelf.tidy() == ("a",)


def test_looking_is_not_asking() -> None:
    """A log line about a snapshot keeps nothing."""
    shelf, clock = shelf_with("a", "b")
    clock.advance(599.0)
    shelf.look("a")
    clock.advance(1.0)
    assert shelf.tidy() == ("a",)
