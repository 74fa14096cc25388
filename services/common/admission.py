"""Who may come in: as many as can be worked on, a short queue, and nobody whose answer would come too late."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.common.concurrency_limit import ConcurrencyLimit, LimitRules
from services.common.criticality import Criticality
from services.common.errors import DeadlineExceeded, NotServing, Overloaded
from services.common.recent_times import RecentTimes


@dataclass(frozen=True, slots=True)
class AdmissionRules:
    """How many come in.

    Attributes:
        limit: how many are worked on at once.
        max_waiting: how many may wait for their turn.
    """

    limit: LimitRules
    max_waiting: int


_LEAST_RETRY_SECONDS = 0.05
_PRESSURE_SECONDS = 1.0
_PEOPLE_SECONDS = 1.0
_REST = 3.0
"""How many times as long as a job took no further one begins, while people are about: with jobs on their heels the
slowest hundredth of the people waited 1.3 to 1.45 times as long."""
_MOSTLY = 0.9


@dataclass(eq=False, slots=True)
class _Waiter:
    """One who waits; `turn` is set when there is a place, or to the reason why there will be none."""

    turn: "asyncio.Future[None]"
    deadline: float

    def send_away(self, why: Exception) -> None:
        """End the waiting, unless the waiter has gone already."""
        if not self.turn.done():
            self.turn.set_exception(why)


class Admission:
    """The door. Make it and use it in one event loop.

    People come before jobs, and a person who finds the queue full takes the place of the job that came last. Among
    equals it is first come, first served. Serving the newest first, as is done where nobody knows how long callers will
    wait, would keep those waiting to their end who could have been told at once that it is no use. While people are
    about, jobs take what they leave: one place, when no person is in work, and a quarter of the time at most; for a
    person who comes while a job is in work has to share with it.
    """

    def __init__(self, rules: AdmissionRules, clock: Callable[[], float]) -> None:
        """Create it, empty; `clock` gives seconds, monotonic."""
        self._rules = rules
        self._clock = clock
        self._limit = ConcurrencyLimit(rules.limit)
        # What jobs take, with whatever photos, says nothing about what people's photos will.
        self._times = {each: RecentTimes(clock, size=64) for each in Criticality}
        self._turns = RecentTimes(clock, size=64)
        self._last_turn: float | None = None
        self._queues: dict[Criticality, deque[_Waiter]] = {each: deque() for each in Criticality}
        self._last_person = float("-inf")
        self._jobs_rest_until = float("-inf")
        self._pressure = 0.0
        self._pressure_at = clock()
        self.in_flight = 0

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(len(queue) for queue in self._queues.values())

    @property
    def limit(self) -> int:
        """How many may be worked on at once, now."""
        return self._limit.limit

    def pressure(self, now: float) -> float:
        """Return how near the last ten people or so were to a refusal, in [0, 1]; it fades within a second.

        Who came in at once counts 0, who was refused 1, and who had to wait as much as the wait is of the longest one
        that would have been allowed. That some wait means nothing: where people come by chance, some always do.
        """
        return self._pressure * math.exp(-(now - self._pressure_at) / _PRESSURE_SECONDS)

    @asynccontextmanager
    async def admitted(
        self, criticality: Criticality, remaining_seconds: float | None, *, is_usual: bool = True
    ) -> AsyncIterator[None]:
        """Hold a place for the time of the context, once there is one.

        Args:
            criticality: who waits for the answer.
            remaining_seconds: until the caller's deadline; None for no deadline.
            is_usual: whether what it takes says something about what others take.

        Raises:
            Overloaded: there is no place, and waiting would not bring one in time.
            NotServing: it was closed meanwhile.
            DeadlineExceeded: what remains is less than the work takes at the median: it is refused before it starts.
        """
        deadline = math.inf if remaining_seconds is None else self._clock() + remaining_seconds
        self._came(criticality, deadline)
        if self._ahead_of(criticality) or not self._has_place(criticality):
            await self._wait(criticality, deadline)
        else:
            if criticality is Criticality.INTERACTIVE:
                self._felt(0.0)
            self._enter()
        began = self._clock()
        try:
            yield
        except (Overloaded, DeadlineExceeded) as error:
            # Who allows less than it usually takes is late without any load.
            had_enough = deadline - began >= (self._times[criticality].median or 0.0)
            if error.says_load and (isinstance(error, Overloaded) or (is_usual and had_enough)):
                self._limit.refused_below(self._clock())
            raise
        else:
            seconds = self._clock() - began
            self._limit.progressed()
            if is_usual:
                self._times[criticality].add(seconds)
                if criticality is Criticality.INTERACTIVE or not self._people_are_about:
                    self._limit.finished(self._clock(), seconds, self.in_flight)
        finally:
            if criticality is Criticality.BATCH:
                self._rest(_REST * (self._clock() - began))
            self._leave()

    def close(self) -> None:
        """Send away all who wait; who is inside stays until it is done."""
        for queue in self._queues.values():
            while queue:
                queue.pop().send_away(NotServing("this process is ending; ask another one"))

    def _came(self, criticality: Criticality, deadline: float) -> None:
        self._limit.passed(self._clock())
        is_person = criticality is Criticality.INTERACTIVE
        if is_person:
            self._last_person = self._clock()
        try:
            self._refuse_dead_work(criticality, deadline)
        except DeadlineExceeded:
            if is_person and deadline - self._clock() >= (self._limit.alone or math.inf):
                self._felt(1.0)  # without the others it would have been in time
            raise

    async def _wait(self, criticality: Criticality, deadline: float) -> None:
        # Jobs wait by rule, and everybody waits while the limit measures what work takes alone.
        is_felt = criticality is Criticality.INTERACTIVE and not self._limit.is_measuring
        wait_seconds = self._seconds_until(criticality, self._ahead_of(criticality))
        # Nine in ten need no longer than that: one who waits and then is late has cost others their turn.
        patience = deadline - self._clock() - (self._times[criticality].quantile(_MOSTLY) or 0.0)
        if is_felt:
            self._felt(self._nearness(criticality, wait_seconds, patience))
        self._refuse_hopeless(criticality, wait_seconds, patience)
        waiter = _Waiter(asyncio.get_running_loop().create_future(), deadline)
        queue = self._queues[criticality]
        queue.append(waiter)
        try:
            async with asyncio.timeout(None if math.isinf(patience) else patience):
                await waiter.turn
        except BaseException as gone:
            if waiter in queue:
                queue.remove(waiter)
            elif waiter.turn.done() and not waiter.turn.cancelled() and waiter.turn.exception() is None:
                self._leave()  # the place was ours already
            if is_felt and isinstance(gone, TimeoutError | DeadlineExceeded):
                self._felt(1.0)
            if isinstance(gone, TimeoutError):
                raise self._overloaded(
                    "none became free in time", self._seconds_until(criticality, self.waiting)
                ) from None
            raise

    def _nearness(self, criticality: Criticality, wait_seconds: float, patience: float) -> float:
        """Return how near waiting so long is to what `_refuse_hopeless` refuses, in [0, 1]; 1 when it does."""
        of_time = wait_seconds / patience if wait_seconds < patience else 1.0
        of_places = (self._ahead_of(criticality) + 1) / max(1, self._rules.max_waiting)
        return min(1.0, max(of_time, of_places))

    def _refuse_hopeless(self, criticality: Criticality, wait_seconds: float, patience: float) -> None:
        batch = self._queues[Criticality.BATCH]
        if wait_seconds > patience:
            raise self._overloaded("the answer would come after the deadline", wait_seconds)
        if self.waiting < self._rules.max_waiting:
            return
        if criticality is Criticality.INTERACTIVE and batch:
            batch.pop().send_away(self._overloaded("people come before jobs", wait_seconds))
            return
        raise self._overloaded(f"{self.waiting} wait already", wait_seconds)

    def _overloaded(self, why: str, wait_seconds: float) -> Overloaded:
        return Overloaded(
            f"{self.in_flight} photos or searches are in work, all that is worked on at once, and {why}",
            retry_after_seconds=max(_LEAST_RETRY_SECONDS, wait_seconds),
        )

    def _refuse_dead_work(self, criticality: Criticality, deadline: float) -> None:
        # When nothing is in work, what it took under load may no longer hold: only trying can tell.
        needed = (self._times[criticality].median or 0.0) if self.in_flight else 0.0
        left = deadline - self._clock()
        if left <= 0 or left < needed:
            takes = f", and it takes {needed * 1000:.0f} ms at the median" if needed else ""
            raise DeadlineExceeded(f"{max(0.0, left) * 1000:.0f} ms were left{takes}; allow more time")

    def _seconds_until(self, criticality: Criticality, before: int) -> float:
        """Return how long until so many have come in, and one more: as fast as places became free of late.

        Only while somebody waits does that tell how fast they can. Where nobody has waited yet, it is as fast as those
        in work would leave if each took what is usual; but under load some take longer, and some are given up.
        """
        turn = self._turns.mean or (self._times[criticality].median or 0.0) / max(1, self.limit)
        return (before + 1) * turn

    def _ahead_of(self, criticality: Criticality) -> int:
        """Return how many wait that come before a newcomer."""
        people = len(self._queues[Criticality.INTERACTIVE])
        return people if criticality is Criticality.INTERACTIVE else self.waiting

    def _has_place(self, criticality: Criticality) -> bool:
        if criticality is Criticality.BATCH and self._people_are_about:
            return self.in_flight == 0 and self._clock() >= self._jobs_rest_until
        return self.in_flight < self.limit

    @property
    def _people_are_about(self) -> bool:
        return self._clock() - self._last_person < _PEOPLE_SECONDS

    def _rest(self, seconds: float) -> None:
        """Begin no further job for a while, as long as people are about."""
        if self._people_are_about:
            self._jobs_rest_until = self._clock() + seconds
            asyncio.get_running_loop().call_later(seconds, self._call_next)

    def _enter(self) -> None:
        self.in_flight += 1

    def _leave(self) -> None:
        self.in_flight -= 1
        now = self._clock()
        if self._last_turn is not None:
            self._turns.add(now - self._last_turn)
        self._call_next()
        # Jobs also wait while there are places; then places become free as seldom as people come.
        self._last_turn = now if self.waiting and self.in_flight >= self.limit else None

    def _call_next(self) -> None:
        """Give the free places to those who wait; who would be too late now is told so."""
        for criticality in Criticality:
            queue = self._queues[criticality]
            while queue and self._has_place(criticality):
                waiter = queue.popleft()
                if waiter.turn.done():
                    continue
                try:
                    self._refuse_dead_work(criticality, waiter.deadline)
                except DeadlineExceeded as late:
                    waiter.send_away(late)
                    continue
                self._enter()
                waiter.turn.set_result(None)

    def _felt(self, pressed: float) -> None:
        now = self._clock()
        weight = 0.1  # of the newest: about the last ten, decaying with time besides
        self._pressure = (1 - weight) * self.pressure(now) + weight * pressed
        self._pressure_at = now
