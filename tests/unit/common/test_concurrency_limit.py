"""The limit on a simulated machine: enough is let in to keep its cores busy, and no more."""

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.concurrency_limit import ConcurrencyLimit, LimitRules

RULES = LimitRules(least=2, most=64)
DEADLINE_SECONDS = 0.25


@dataclass
class Machine:
    """Cores that take work in the order of its coming, behind a door that the limit keeps; whoever finds it shut goes.

    Attributes:
        service_seconds: what work needs at a time, by the clock.
        cores: how many pieces of work run at once.
        limits: what the limit was, at every arrival.
        finished: when each piece of work ended, and what it took.
        refused: when others were refused.
    """

    service_seconds: Callable[[float], float]
    cores: int = 2
    limit: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(RULES))
    limits: list[tuple[float, int]] = field(default_factory=list)
    finished: list[tuple[float, float]] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def run(self, rate: Callable[[float], float], seconds: float, seed: int) -> "Machine":
        """Let work arrive at a rate by the clock, as a Poisson process."""
        lot = np.random.default_rng(seed)
        now, in_flight = 0.0, 0
        running: list[tuple[float, float]] = []
        queue: deque[float] = deque()

        def start(came: float, at: float) -> None:
            noise = lot.lognormal(0.0, 0.2)
            heapq.heappush(running, (at + self.service_seconds(at) * noise, came))

        while now < seconds:
            now += lot.exponential(1 / rate(now))
            while running and running[0][0] <= now:
                ended, came = heapq.heappop(running)
                self.finished.append((ended, ended - came))
                self.limit.finished(ended, ended - came, in_flight)
                in_flight -= 1
                if queue:
                    start(queue.popleft(), ended)
            self.limit.passed(now)
            self.limits.append((now, self.limit.limit))
            if in_flight >= self.limit.limit:
                self.refused.append(now)
                continue
            in_flight += 1
            if len(running) < self.cores:
                start(now, now)
            else:
                queue.append(now)
        return self

    def goodput(self, start: float, end: float) -> float:
        """Work finished within the deadline, per second."""
        return sum(start <= at < end and took <= DEADLINE_SECONDS for at, took in self.finished) / (end - start)

    def capacity(self, at: float) -> float:
        """The most that the cores can do, per second; noise makes work 2 % longer on average."""
        return self.cores / (self.service_seconds(at) * float(np.exp(0.02)))


@pytest.mark.parametrize("service_seconds", [0.005, 0.02, 0.05])
@pytest.mark.parametrize("overload", [1.5, 2.0, 5.0])
def test_under_overload_the_cores_stay_busy_and_answers_in_time(service_seconds: float, overload: float) -> None:
    """At least 90 % of what the machine can do comes in time, for a whole minute."""
    machine = Machine(lambda _: service_seconds)
    capacity = machine.capacity(0.0)
    machine.run(lambda _: overload * capacity, 60.0, seed=1)
    assert machine.goodput(2.0, 60.0) >= 0.9 * capacity
    taken = [took for at, took in machine.finished if at > 2.0]
    assert np.quantile(taken, 0.99) <= 8 * service_seconds


@pytest.mark.parametrize("service_seconds", [0.005, 0.02])
def test_with_room_next_to_nothing_is_refused(service_seconds: float) -> None:
    """At 60 % of the capacity: only bursts while the limit is being measured, which a queue would hold."""
    machine = Machine(lambda _: service_seconds)
    capacity = machine.capacity(0.0)
    machine.run(lambda _: 0.6 * capacity, 60.0, seed=2)
    assert len(machine.refused) <= 0.05 * len(machine.finished)


def test_after_an_overload_it_is_as_before() -> None:
    """Five seconds later."""
    machine = Machine(lambda _: 0.01)
    capacity = machine.capacity(0.0)
    machine.run(lambda now: (5.0 if 20 <= now < 40 else 0.6) * capacity, 60.0, seed=3)
    assert machine.goodput(20.0, 40.0) >= 0.9 * capacity
    assert machine.goodput(45.0, 60.0) >= 0.55 * capacity


def test_a_machine_that_becomes_slower_is_learned_anew() -> None:
    """Half as fast for good: the limit must not stay at the least, as if all of that were waiting."""
    machine = Machine(lambda now: 0.01 if now < 20 else 0.02)
    machine.run(lambda now: 2.0 * machine.capacity(now), 60.0, seed=4)
    assert machine.goodput(35.0, 60.0) >= 0.9 * machine.capacity(60.0)


def test_the_limit_does_not_creep_up_under_overload() -> None:
    """After ten minutes of it work takes no longer than after one."""
    machine = Machine(lambda _: 0.02)
    machine.run(lambda _: 3.0 * machine.capacity(0.0), 600.0, seed=5)
    late = [took for at, took in machine.finished if at > 540.0]
    early = [took for at, took in machine.finished if 30.0 < at < 90.0]
    assert np.median(late) <= 1.3 * np.median(early)


@settings(max_examples=50, deadline=None)
@given(
    events=st.lists(
        st.tuples(st.floats(0, 1), st.floats(1e-6, 10), st.integers(1, 100), st.booleans()), min_size=1, max_size=400
    ),
    least=st.integers(1, 8),
    more=st.integers(0, 100),
)
def test_the_limit_is_always_between_least_and_most(
    events: list[tuple[float, float, int, bool]], least: int, more: int
) -> None:
    """Whatever happens."""
    limit = ConcurrencyLimit(LimitRules(least=least, most=least + more))
    now = 0.0
    for wait, seconds, in_flight, refused in events:
        now += wait
        limit.finished(now, seconds, in_flight)
        if refused:
            limit.refused_below(now)
        assert least <= limit.limit <= least + more


def test_refusals_further_down_let_fewer_in_at_once() -> None:
    """And a hundred of them in one moment are one event."""
    limit = ConcurrencyLimit(LimitRules(least=2, most=64))
    before = limit.limit
    limit.refused_below(1.0)
    once = limit.limit
    for _ in range(100):
        limit.refused_below(1.1)
    assert before > once == limit.limit


def test_from_the_least_it_grows_again() -> None:
    """As soon as as many as are let in are in work and take no longer than alone."""
    limit = ConcurrencyLimit(LimitRules(least=2, most=64))
    for tenth in range(50):
        limit.refused_below(tenth / 10)
    assert limit.limit == 2
    for step in range(200):
        now = 5.0 + step * 0.05
        limit.passed(now)
        limit.finished(now, 0.05, limit.limit)
    assert limit.limit > 4


def test_when_nothing_is_finished_at_all_it_falls_to_the_least_soon() -> None:
    """Everything is late because too much is let in: only letting less in can end that."""
    limit = ConcurrencyLimit(LimitRules(least=2, most=64))
    for tenth in range(10):
        limit.refused_below(tenth / 10)
    assert limit.limit == 2


def test_measuring_ends_though_nothing_is_finished() -> None:
    """What comes may all fail, or be of another kind; the limit must not stay at the least for that."""
    limit = ConcurrencyLimit(LimitRules(least=2, most=64))
    for each in range(20):
        limit.finished(each / 10, 0.05, 4)
        if limit.is_measuring:
            break
    assert limit.limit == 2
    limit.passed(each / 10 + 0.9)
    assert limit.is_measuring
    limit.passed(each / 10 + 1.1)
    assert not limit.is_measuring
    assert limit.limit > 2
