"""Which replica is asked: the less busy one, none that was asked already, lost ones only to see if they are back."""

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.replicas.choosing import EjectionRules, Replica, Replicas, ReplicaState
from tests.support.clocks import ManualClock
from tests.support.replicas import passed_over

RULES = EjectionRules(losses=3, first_seconds=0.5, longest_seconds=8.0)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that is set by hand."""
    return ManualClock()


def replicas(clock: ManualClock, targets: str, seed: int = 1) -> Replicas:
    return Replicas(targets, RULES, clock=clock, lot=random.Random(seed).random)


def chosen(known: Replicas, targets: str, avoid: str = "") -> Replica:
    replica = known.choose(targets, avoid)
    assert replica is not None
    return replica


def lose(known: Replicas, replica: Replica, times: int) -> None:
    for _ in range(times):
        known.lost(replica)


def test_idle_replicas_share_the_calls(clock: ManualClock) -> None:
    """Nobody is first by being listed first."""
    known = replicas(clock, "abc")
    counts = Counter(chosen(known, "abc").target for _ in range(3_000))
    assert min(counts.values()) > 900


def test_of_two_the_less_busy_one_is_asked(clock: ManualClock) -> None:
    """Whichever that is."""
    known = replicas(clock, "ab")
    chosen(known, "a").in_flight = 2
    chosen(known, "b").in_flight = 1
    assert {chosen(known, "ab").target for _ in range(20)} == {"b"}


@given(busy=st.lists(st.integers(0, 5), min_size=3, max_size=6), seed=st.integers(0, 100))
def test_the_busiest_of_many_is_never_asked(busy: list[int], seed: int) -> None:
    """Of two drawn by lot, the other one is."""
    targets = "abcdef"[: len(busy)]
    known = replicas(ManualClock(), targets, seed)
    busy[0] = 9
    for target, in_flight in zip(targets, busy, strict=True):
        chosen(known, target).in_flight = in_flight
    assert all(chosen(known, targets).target != "a" for _ in range(20))


def test_one_that_was_asked_is_not_asked_again(clock: ManualClock) -> None:
    """And where there is no other, nobody is."""
    known = replicas(clock, "ab")
    assert chosen(known, "ab", avoid="a").target == "b"
    assert known.choose("a", avoid="a") is None
    assert known.choose("") is None


def test_losses_in_a_row_send_a_replica_away(clock: ManualClock) -> None:
    """Two are bad luck, three are not; an answer between them forgives all."""
    known = replicas(clock, "ab")
    lost = chosen(known, "a")
    lose(known, lost, 2)
    known.answered(lost)
    lose(known, lost, 2)
    assert passed_over(known) == []
    known.lost(lost)
    assert passed_over(known) == ["a"]
    assert {chosen(known, "ab").target for _ in range(20)} == {"b"}


def test_one_that_was_away_is_tried_with_one_call(clock: ManualClock) -> None:
    """If that is lost, too, it is away twice as long; if it is answered, all is well."""
    known = replicas(clock, "ab")
    lost = chosen(known, "a")
    lose(known, lost, 3)
    clock.advance(0.51)
    assert {chosen(known, "ab").target for _ in range(40)} == {"a", "b"}
    lost.in_flight = 1
    assert {chosen(known, "ab").target for _ in range(40)} == {"b"}
    lost.in_flight = 0
    known.lost(lost)
    clock.advance(0.9)
    assert {chosen(known, "ab").target for _ in range(40)} == {"b"}
    clock.advance(0.2)
    assert passed_over(known) == ["a"]
    known.answered(lost)
    assert passed_over(known) == []
    assert {chosen(known, "ab").target for _ in range(40)} == {"a", "b"}


def test_one_that_is_connected_again_is_tried_at_once(clock: ManualClock) -> None:
    """With one call; however long it was to be away, and whether it is well is for that call to say."""
    known = replicas(clock, "ab")
    lost = chosen(known, "a")
    lose(known, lost, 8)
    clock.advance(0.1)
    assert {chosen(known, "ab").target for _ in range(20)} == {"b"}
    known.connected("a")
    assert passed_over(known) == ["a"]
    asked = [chosen(known, "ab").target for _ in range(20)]
    assert asked.count("a") == 1
    known.connected("b")
    assert passed_over(known) == ["a"]


def test_one_that_is_connected_again_does_not_pay_for_what_it_lost_before(clock: ManualClock) -> None:
    """It is another process, whose first answer is slow; it is tried again as soon as one that was just lost."""
    known = replicas(clock, "ab")
    lost = chosen(known, "a")
    lose(known, lost, 8)
    known.connected("a")
    assert chosen(known, "a") is lost
    known.lost(lost)
    clock.advance(0.5)
    assert "a" in {chosen(known, "ab").target for _ in range(20)}


def test_nobody_is_away_for_longer_than_the_longest(clock: ManualClock) -> None:
    """However often it was lost: one that comes back is found within that time."""
    known = replicas(clock, "ab")
    lose(known, chosen(known, "a"), 2_000)
    clock.advance(8.0)
    assert {chosen(known, "ab").target for _ in range(40)} == {"a", "b"}


def test_when_all_are_away_one_call_at_a_time_finds_out_who_is_back(clock: ManualClock) -> None:
    """The one that has been longest is asked first; who comes meanwhile need not wait to hear that nobody is there."""
    known = replicas(clock, "ab")
    for target, seconds in itertools.product("ab", (0.1,)):
        lose(known, chosen(known, target), 3)
        clock.advance(seconds)
    for _ in range(3):  # also one call after the other, none of which is in flight any more
        assert {chosen(known, "ab").target for _ in range(2)} == {"a", "b"}
        assert known.choose("ab") is None
        clock.advance(0.51)


def test_a_lost_one_is_tried_once_each_half_second_whatever_becomes_of_it(clock: ManualClock) -> None:
    """Calls that are given up before they are lost say nothing, and must not go to it one after the other."""
    known = replicas(clock, "ab")
    lose(known, chosen(known, "a"), 3)
    clock.advance(0.51)
    assert Counter(chosen(known, "ab").target for _ in range(40))["a"] == 1
    clock.advance(0.51)
    assert Counter(chosen(known, "ab").target for _ in range(40))["a"] == 1


def test_one_that_is_not_ready_is_asked_only_where_no_other_is(clock: ManualClock) -> None:
    """It drains, or is not connected; where nobody is ready, whoever is about to be gets the call."""
    not_ready: set[str] = {"a"}
    known = Replicas("ab", RULES, clock=clock, lot=lambda: 0.0, is_ready=lambda target: target not in not_ready)
    assert {chosen(known, "ab").target for _ in range(20)} == {"b"}
    assert chosen(known, "a").target == "a"
    not_ready.add("b")
    assert chosen(known, "ab").target in "ab"
    assert known.choose("ab", even_lost=False) is None, "a second call to one that is not ready helps nobody"


def test_one_that_is_not_ready_is_not_tried(clock: ManualClock) -> None:
    """Whether one that was passed over is back, its health tells without a caller's photo."""
    not_ready: set[str] = {"a"}
    known = Replicas("ab", RULES, clock=clock, lot=lambda: 0.0, is_ready=lambda target: target not in not_ready)
    lose(known, chosen(known, "a"), 3)
    clock.advance(60.0)
    assert chosen(known, "ab").target == "b"
    not_ready.clear()
    assert chosen(known, "ab").target == "a"


def test_replicas_come_and_go(clock: ManualClock) -> None:
    """A list from before may name one that is gone, and what is known of one outlives being told of it again."""
    known = replicas(clock, "a")
    known.add("ab")
    lose(known, chosen(known, "a"), 3)
    known.add("a")
    assert passed_over(known) == ["a"]
    known.remove("a")
    assert chosen(known, "ab").target == "b"
    assert known.choose("a") is None
    known.connected("a")
    known.remove("a")
    known.add("a")
    assert not passed_over(known), "one that comes back begins anew"


def test_what_is_known_of_replicas_can_be_read(clock: ManualClock) -> None:
    """For operators: ready, passed over, and how busy."""
    known = Replicas("ab", RULES, clock=clock, lot=lambda: 0.0, is_ready=lambda target: target == "b")
    lose(known, chosen(known, "a"), 3)
    chosen(known, "b").in_flight = 2
    assert known.states() == (
        ReplicaState("a", is_ready=False, is_away=True, in_flight=0),
        ReplicaState("b", is_ready=True, is_away=False, in_flight=2),
    )


def test_silence_is_how_long_nobody_was_answered_who_should_have_been(clock: ManualClock) -> None:
    """Calls that may take long neither begin it nor keep it, and an answer or another connection ends it."""
    known = replicas(clock, "a")
    replica = chosen(known, "a")
    replica.asked(clock.now, soon=False)
    clock.advance(5.0)
    assert replica.silence(clock.now) == 0.0
    for _ in range(2):
        replica.asked(clock.now, soon=True)
        clock.advance(1.0)
    assert replica.silence(clock.now) == 2.0
    known.answered(replica)
    clock.advance(0.5)
    assert replica.silence(clock.now) == 0.5
    known.connected("a")
    assert replica.silence(clock.now) == 0.0
    for _ in range(2):
        replica.ended(soon=True)
    clock.advance(3.0)
    replica.asked(clock.now, soon=True)
    assert replica.silence(clock.now) == 0.0
