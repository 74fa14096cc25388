"""People come before jobs, and jobs take what people leave."""

import asyncio

import pytest

from services.common.admission import Admission, AdmissionRules
from services.common.concurrency_limit import LimitRules
from services.common.errors import Overloaded
from tests.support.clocks import ManualClock
from tests.support.guests import JOB, PERSON, door, visiting


@pytest.fixture
def clock() -> ManualClock:
    """A clock that is set by hand."""
    return ManualClock()


async def test_people_come_before_jobs(clock: ManualClock) -> None:
    """However long the job has waited; among equals it is first come, first served."""
    async with visiting(door(clock)) as guests:
        await guests.come("first")
        await guests.come("job", JOB)
        await guests.come("anna")
        await guests.come("bert")
        for name in ("first", "anna", "bert", "job"):
            await guests.leave(name)
        assert guests.came_in == ["first", "anna", "bert", "job"]


async def test_a_person_takes_the_place_of_the_last_job_in_a_full_queue(clock: ManualClock) -> None:
    """The job is told to come back; among people the last one to come is sent away."""
    async with visiting(door(clock, max_waiting=2)) as guests:
        await guests.come("inside")
        await guests.come("job 1", JOB)
        await guests.come("job 2", JOB)
        await guests.come("anna")
        refused = guests.refusal("job 2")
        assert isinstance(refused, Overloaded)
        assert refused.retry_after_seconds
        await guests.come("bert")
        assert isinstance(guests.refusal("job 1"), Overloaded)
        await guests.come("carl")
        assert isinstance(guests.refusal("carl"), Overloaded)
        assert guests.refusal("anna") is None


async def test_jobs_take_what_people_leave(clock: ManualClock) -> None:
    """One place, when no person is in work; a second after the last of them they take all."""
    admission = door(clock, places=3)
    async with visiting(admission) as guests:
        await guests.come("anna")
        for name in ("job 1", "job 2"):
            await guests.come(name, JOB)
        assert guests.inside == ["anna"]
        await guests.leave("anna")
        assert guests.inside == ["job 1"]
        await guests.come("bert")
        assert guests.inside == ["job 1", "bert"]
    clock.advance(2.0)
    async with visiting(admission) as guests:
        for name in ("job 3", "job 4", "job 5"):
            await guests.come(name, JOB)
        assert len(guests.inside) == 3


async def test_jobs_rest_while_people_are_about(clock: ManualClock) -> None:
    """Three times as long as they took; alone, they come one after the other."""
    admission = door(clock, places=2)
    async with visiting(admission) as guests:
        await guests.come("anna")
        await guests.leave("anna")
        await guests.come("job 1", JOB)
        clock.advance(0.1)
        await guests.leave("job 1")
        await guests.come("job 2", JOB)
        assert guests.inside == []
        clock.advance(0.29)
        await guests.come("bert")
        await guests.leave("bert")
        assert guests.inside == []
        clock.advance(0.02)
        await guests.come("carl")
        await guests.leave("carl")
        assert guests.inside == ["job 2"]
        clock.advance(2.0)
        await guests.leave("job 2")
        await guests.come("job 3", JOB)
        assert guests.inside == ["job 3"]


async def test_a_job_that_rested_begins_by_itself() -> None:
    """Nobody need come or leave for that."""
    admission = Admission(AdmissionRules(LimitRules(least=2, most=2), 3), asyncio.get_running_loop().time)
    async with admission.admitted(PERSON, None):
        pass
    async with admission.admitted(JOB, None):
        await asyncio.sleep(0.02)
    async with asyncio.timeout(0.5), admission.admitted(JOB, None):
        pass


async def test_what_jobs_take_says_nothing_about_people(clock: ManualClock) -> None:
    """Giant photos of a job, which is always there, must not lock out who is in a hurry with a small one."""
    admission = door(clock, places=3, max_waiting=50)
    for _ in range(70):
        async with admission.admitted(JOB, None):
            clock.advance(2.0)
    async with visiting(admission) as guests:
        await guests.come("job", JOB)
        await guests.come("anna", remaining_seconds=0.15)
        assert guests.inside == ["job", "anna"]


async def test_jobs_that_wait_are_no_pressure(clock: ManualClock) -> None:
    """They wait by rule, and people must not be given less for that."""
    admission = door(clock, places=3, max_waiting=50)
    async with visiting(admission) as guests:
        await guests.come("anna")
        for number in range(30):
            await guests.come(str(number), JOB)
        assert admission.waiting == 30
        assert admission.pressure(clock.now) == 0.0
