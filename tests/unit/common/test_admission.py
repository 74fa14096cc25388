"""The door: never more than the limit inside, nobody lost, and nobody let in who would be late."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.admission import Admission, AdmissionRules
from services.common.concurrency_limit import LimitRules
from services.common.errors import DeadlineExceeded, Overloaded
from tests.support.clocks import ManualClock
from tests.support.guests import JOB, PERSON, door, settle, teach, visiting


@pytest.fixture
def clock() -> ManualClock:
    """A clock that is set by hand."""
    return ManualClock()


async def test_as_many_come_in_as_there_are_places(clock: ManualClock) -> None:
    """The next one waits, and comes in when one leaves."""
    async with visiting(door(clock, places=2)) as guests:
        for name in "abc":
            await guests.come(name)
        assert guests.inside == ["a", "b"]
        await guests.leave("a")
        assert guests.inside == ["b", "c"]


async def test_who_would_come_in_too_late_is_sent_away_at_once(clock: ManualClock) -> None:
    """Work takes 0.1 s and one is inside: with 0.15 s left there is no use in waiting, with 0.25 s there is."""
    admission = door(clock)
    await teach(admission, clock, 0.1)
    async with visiting(admission) as guests:
        await guests.come("inside")
        await guests.come("hopeless", remaining_seconds=0.15)
        await guests.come("hopeful", remaining_seconds=0.25)
        refused = guests.refusal("hopeless")
        assert isinstance(refused, Overloaded)
        assert refused.retry_after_seconds == pytest.approx(0.1)
        await guests.leave("inside")
        assert guests.inside == ["hopeful"]


async def test_how_long_turns_take_is_learned_from_those_who_waited(clock: ManualClock) -> None:
    """Work takes 0.1 s as far as it ends well; but places become free every 0.5 s only, for others are given up."""
    admission = door(clock, max_waiting=20)
    await teach(admission, clock, 0.1)
    async with visiting(admission) as guests:
        for number in range(12):
            await guests.come(str(number))
        for number in range(11):
            clock.advance(0.5)
            guests.tasks[str(number)].cancel()
            await settle()
        await guests.come("last", remaining_seconds=0.55)
        refused = guests.refusal("last")
        assert isinstance(refused, Overloaded)
        assert refused.retry_after_seconds == pytest.approx(0.5)


async def test_dead_work_is_refused_before_it_starts(clock: ManualClock) -> None:
    """On arrival, and again when its turn comes; then the next one has its turn."""
    admission = door(clock, places=2)
    await teach(admission, clock, 0.1)
    async with visiting(admission) as guests:
        await guests.come("one")
        await guests.come("dead", remaining_seconds=0.09)
        assert isinstance(guests.refusal("dead"), DeadlineExceeded)
        await guests.come("two")
        await guests.come("dying", remaining_seconds=0.2)
        await guests.come("patient")
        clock.advance(0.15)
        await guests.leave("one")
        assert isinstance(guests.refusal("dying"), DeadlineExceeded)
        assert guests.inside == ["two", "patient"]


async def test_an_idle_service_tries_whatever_it_remembers(clock: ManualClock) -> None:
    """What work took under load says nothing about what it takes now, and only trying can tell."""
    admission = door(clock)
    await teach(admission, clock, 0.1)
    async with admission.admitted(PERSON, 0.01):
        pass


async def test_who_waits_until_it_is_too_late_is_sent_away_then() -> None:
    """Nobody has to leave for that."""
    admission = Admission(AdmissionRules(LimitRules(least=1, most=1), 3), asyncio.get_running_loop().time)
    async with visiting(admission) as guests:
        await guests.come("inside")
        await guests.come("waiting", remaining_seconds=0.05)
        await asyncio.sleep(0.1)
        assert isinstance(guests.refusal("waiting"), Overloaded)
        assert admission.waiting == 0


async def test_a_cancelled_waiter_is_gone_and_its_place_is_not_lost(clock: ManualClock) -> None:
    """Even when the place was given to it in the very moment in which it was cancelled."""
    admission = door(clock)
    async with visiting(admission) as guests:
        await guests.come("inside")
        for name in ("gone", "unlucky", "next"):
            await guests.come(name)
        guests.tasks["gone"].cancel()
        await settle()
        assert admission.waiting == 2
        guests._may_leave["inside"].set()
        await asyncio.sleep(0)  # the place is given away
        guests.tasks["unlucky"].cancel()
        await settle()
        assert guests.inside == ["next"]
        assert admission.in_flight == 1


async def test_pressure_is_how_near_people_are_to_a_refusal(clock: ManualClock) -> None:
    """It rises as the queue fills up, and fades when nobody comes."""
    admission = door(clock, max_waiting=30)
    async with visiting(admission) as guests:
        await guests.come("inside")
        assert admission.pressure(clock.now) == 0.0
        seen = [0.0]
        for number in range(60):
            await guests.come(str(number))
            seen.append(admission.pressure(clock.now))
        assert seen == sorted(seen)
        assert seen[5] < 0.1
        assert seen[-1] > 0.9
        clock.advance(3.0)
        assert admission.pressure(clock.now) < 0.1


@pytest.mark.parametrize(("remaining_seconds", "nearness"), [(None, 0.01), (4.1, 0.025), (0.3, 0.5), (0.15, 1.0)])
async def test_a_wait_is_felt_by_what_it_takes_of_the_time_there_is(
    clock: ManualClock, remaining_seconds: float | None, nearness: float
) -> None:
    """Work takes 0.1 s, and so long does the turn last: of 0.3 s that is half of what may be waited, of 4.1 s not much.

    One in a hundred places of the queue is taken, too, which is all there is to feel for who has no deadline.
    """
    admission = door(clock, max_waiting=100)
    await teach(admission, clock, 0.1)
    async with visiting(admission) as guests:
        await guests.come("inside")
        await guests.come("waits", remaining_seconds=remaining_seconds)
        assert admission.pressure(clock.now) == pytest.approx(0.1 * nearness)  # the newest is a tenth of it


async def test_who_waited_in_vain_is_pressure(clock: ManualClock) -> None:
    """It looked as if there were time enough; but the one inside stays longer than is usual."""
    admission = door(clock, max_waiting=100)
    await teach(admission, clock, 0.1)
    async with visiting(admission) as guests:
        await guests.come("inside")
        await guests.come("waits", remaining_seconds=0.25)
        before = admission.pressure(clock.now)
        await asyncio.wait([guests.tasks["waits"]])
        assert isinstance(guests.refusal("waits"), Overloaded)
        assert admission.pressure(clock.now) == pytest.approx(0.9 * before + 0.1)


async def test_who_waits_while_the_limit_is_measured_is_no_pressure(clock: ManualClock) -> None:
    """Every ten seconds only as many as there are cores come in for a moment: that is no lack of cores."""
    admission = Admission(AdmissionRules(LimitRules(least=1, most=4), max_waiting=3), clock)
    while not admission._limit.is_measuring:
        async with admission.admitted(PERSON, None), admission.admitted(PERSON, None):
            clock.advance(0.1)
    async with visiting(admission) as guests:
        await guests.come("inside")
        await guests.come("waits")
        assert admission.waiting == 1
        assert admission.pressure(clock.now) == 0.0


async def test_unusual_work_is_not_remembered(clock: ManualClock) -> None:
    """An exact scan takes a hundred times as long; who asks for a usual search must not be refused for that."""
    admission = door(clock, places=2)
    await teach(admission, clock, 0.01)
    for _ in range(70):
        async with admission.admitted(PERSON, None, is_usual=False):
            clock.advance(0.05)
    async with visiting(admission) as guests:
        await guests.come("scan")
        await guests.come("usual", remaining_seconds=0.02)
        assert guests.inside == ["scan", "usual"]


async def test_how_often_people_come_is_not_taken_for_how_fast_they_could(clock: ManualClock) -> None:
    """A job waits all the time, and people come now and then, alone; some at once may wait all the same."""
    admission = door(clock, places=2, max_waiting=20)
    await teach(admission, clock, 0.1)
    async with visiting(admission) as guests:
        await guests.come("job 1", JOB)
        await guests.come("job 2", JOB)
        for number in range(12):
            await guests.come(str(number))
            clock.advance(0.05)
            await guests.leave(str(number))
            clock.advance(0.6)
        assert guests.inside == ["job 1"]
        for number in range(20, 26):
            await guests.come(str(number), remaining_seconds=1.0)
        assert [guests.refusal(str(number)) for number in range(20, 26)] == [None] * 6


async def test_errors_further_down_lower_the_limit(clock: ManualClock) -> None:
    """Other errors do not: they say nothing about load."""
    admission = Admission(AdmissionRules(LimitRules(least=1, most=16), 3), clock)
    before = admission.limit
    for error in (ValueError("bad photo"), asyncio.CancelledError()):
        with pytest.raises(type(error)):
            async with admission.admitted(PERSON, None):
                raise error
    assert admission.limit == before
    with pytest.raises(Overloaded):
        async with admission.admitted(PERSON, None):
            raise Overloaded("Triton's queue is full")
    assert admission.limit < before


@pytest.mark.parametrize(("allowed", "steps"), [(0.05, 0), (0.2, 1)])
async def test_who_allows_too_little_is_late_without_load(clock: ManualClock, allowed: float, steps: int) -> None:
    """What takes 0.1 s is not done in 0.05, however few others there are; in 0.2 s, it should have been."""
    admission = Admission(AdmissionRules(LimitRules(least=1, most=16), 3), clock)
    await teach(admission, clock, 0.1)
    before = admission.limit
    with pytest.raises(DeadlineExceeded):
        async with admission.admitted(PERSON, allowed):
            raise DeadlineExceeded("starved")
    assert (admission.limit < before) == bool(steps)


async def test_a_refusal_of_one_request_alone_does_not_lower_the_limit(clock: ManualClock) -> None:
    """Such as that of a photo which takes long by itself."""
    admission = Admission(AdmissionRules(LimitRules(least=1, most=16), 3), clock)
    before = admission.limit
    refused = Overloaded("giants wait already")
    refused.says_load = False
    with pytest.raises(Overloaded):
        async with admission.admitted(PERSON, None):
            raise refused
    assert admission.limit == before


async def test_whom_the_others_make_too_late_is_pressure(clock: ManualClock) -> None:
    """Refused before it begins, though it would have had the time alone; who allows less than that is none."""
    admission = Admission(AdmissionRules(LimitRules(least=1, most=16), 9), clock)
    await teach(admission, clock, 0.3)
    admission._limit._alone = 0.1
    async with visiting(admission) as guests:
        await guests.come("inside")
        await guests.come("hasty", remaining_seconds=0.05)
        assert isinstance(guests.refusal("hasty"), DeadlineExceeded)
        assert admission.pressure(clock.now) == 0.0
        await guests.come("late", remaining_seconds=0.2)
        assert isinstance(guests.refusal("late"), DeadlineExceeded)
        assert admission.pressure(clock.now) > 0.0


@settings(max_examples=60, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["person", "job", "leave", "cancel", "wait"]), st.integers(0, 30)), max_size=60
    ),
    places=st.integers(1, 4),
    max_waiting=st.integers(0, 5),
)
async def test_never_too_many_inside_and_nobody_lost(
    steps: list[tuple[str, int]], places: int, max_waiting: int
) -> None:
    """Whatever they do: in the end all are through or know why not, and the house is empty."""
    clock = ManualClock()
    admission = door(clock, places, max_waiting)
    async with AsyncExitStack() as stack:
        guests = await stack.enter_async_context(visiting(admission))
        for number, (step, which) in enumerate(steps):
            known = list(guests.tasks)
            if step in {"person", "job"}:
                await guests.come(str(number), PERSON if step == "person" else JOB)
            elif step == "leave" and guests.inside:
                await guests.leave(guests.inside[which % len(guests.inside)])
            elif step == "cancel" and known:
                guests.tasks[known[which % len(known)]].cancel()
                await settle()
            else:
                clock.advance(which / 10)
            assert len(guests.inside) == admission.in_flight <= places
            assert admission.waiting <= max_waiting
            assert len(set(guests.came_in)) == len(guests.came_in)
        while guests.inside or admission.waiting:
            clock.advance(100.0)  # longer than any job has to rest
            if not guests.inside:
                await guests.come("last")
            await guests.leave(guests.inside[0])
        assert all(task.done() for task in guests.tasks.values())
        assert admission.in_flight == admission.waiting == 0
