"""One question to one of several replicas, and to a second one when the first is slow or lost. Knows no gRPC.

The second call is the only one that a question ever gets beyond its first: nothing is asked a third time.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.common.errors import (
    AisleError,
    DeadlineExceeded,
    InvalidArgument,
    Overloaded,
    ShardNotServed,
    Unavailable,
)
from services.common.recent_times import RecentTimes
from services.gateway.extra_calls import ExtraCalls
from services.gateway.replicas import Replica, Replicas

T = TypeVar("T")
Call = Callable[[str], Awaitable[T]]
"""Asks the replica at a target; raises DeadlineExceeded when late and another AisleError when lost."""

_UNKNOWN_SECONDS = 0.05
_RETRY_AFTER_SECONDS = 0.5
_SURELY_LOST_SECONDS = 0.5
"""Whoever has not answered by then is lost, also where nothing is known of what answers take."""
_LEAST_SECONDS = 0.002
_USUAL = 0.9
"""The quantile that is taken for usual. Not higher: a light shard is asked a hundred times in the time that is
remembered, and where 2 % of the calls are slow, four or five of these hundred often are. A quantile that they reach is
what slow calls take, and then nothing is hedged for as long as they are remembered."""
_LIGHTEST, _HEAVIEST = 2.0, 1.5
"""How many times the usual a call may take; what calls take has no long tail as long as nothing is wrong."""


def hedge_after(times: RecentTimes, weight: float) -> float:
    """Return how long a first call may take before a second replica is asked, seconds.

    Args:
        times: what first calls took of late.
        weight: what is lost without the answer, in [0, 1].

    It is twice as long as nine in ten take, or one and a half times when the whole answer hangs on it.
    """
    usual = times.quantile(_USUAL)
    if usual is None:
        return _UNKNOWN_SECONDS
    return max(_LEAST_SECONDS, usual * (_LIGHTEST - (_LIGHTEST - _HEAVIEST) * weight))


def _lost_after(times: RecentTimes) -> float:
    """Return how long a call must have taken for its deadline to say something about the replica, seconds."""
    return _SURELY_LOST_SECONDS if times.quantile(_USUAL) is None else hedge_after(times, 0.0)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer, and whether it is that of the second replica."""

    value: T
    hedged: bool = False


class _Attempt(Generic[T]):
    """One call to one replica, which is counted there for as long as it runs."""

    def __init__(self, replica: Replica, call: Call[T], clock: Callable[[], float]) -> None:
        self.replica = replica
        self.is_trial = replica.is_away
        self._clock = clock
        self._began = clock()
        replica.in_flight += 1
        self.task: asyncio.Task[T] = asyncio.ensure_future(_run(call, replica))
        self.task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[T]) -> None:
        self.replica.in_flight -= 1
        if not task.cancelled() and task.exception() is None:
            self.replica.answered()

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return self._clock() - self._began

    @property
    def error(self) -> BaseException | None:
        """What it ended with; None when it was answered or still runs."""
        return self.task.exception() if self.task.done() else None


async def _run(call: Call[T], replica: Replica) -> T:
    return await call(replica.target)


class Hedging:
    """Asks replicas, and learns from what becomes of it."""

    def __init__(self, replicas: Replicas, extra: ExtraCalls, clock: Callable[[], float]) -> None:
        """Create it.

        Args:
            replicas: which one to ask.
            extra: how many second calls may be made.
            clock: seconds, monotonic.
        """
        self._replicas = replicas
        self._extra = extra
        self._clock = clock

    async def ask(
        self, targets: Sequence[str], call: Call[T], *, times: RecentTimes, after_seconds: float | None
    ) -> Reply[T]:
        """Return the first answer.

        Args:
            targets: the replicas that would do, at least one.
            call: asks one of them.
            times: what first calls take, which is added to; of one that was beaten, what it had taken by then.
            after_seconds: how long the first call may take alone; None to wait for it as long as it takes, unless it
                is to find out whether a replica is back.

        Raises:
            Unavailable: all replicas seem to be lost, and another call is finding out whether one is back.
            AisleError: what the first call raised, when no second one was made, or that failed, too.
        """
        replica = self._replicas.choose(targets)
        if replica is None:
            raise Unavailable("no replica answers", retry_after_seconds=_RETRY_AFTER_SECONDS)
        self._extra.called()
        first = _Attempt(replica, call, self._clock)
        second: _Attempt[T] | None = None
        alone_seconds = after_seconds
        if first.is_trial:  # no longer than the other one, which is well, needs the rest of the time
            usual_seconds = hedge_after(times, 1.0)
            alone_seconds = usual_seconds if after_seconds is None else min(after_seconds, usual_seconds)
        try:
            await asyncio.wait((first.task,), timeout=alone_seconds)
            if not first.task.done() or _may_help(first.error):
                second = self._second(targets, first, call)
            return await self._best_of(first, second, times, is_hedged=after_seconds is not None)
        finally:
            for attempt in (first, second):
                if attempt is not None:
                    attempt.task.cancel()  # the loser; or both, when the caller is gone

    def _second(self, targets: Sequence[str], first: _Attempt[T], call: Call[T]) -> _Attempt[T] | None:
        if not (first.is_trial or self._extra.is_affordable):
            return None
        replica = self._replicas.choose(targets, avoid=(first.replica.target,), even_lost=first.task.done())
        if replica is None:
            return None
        if not first.is_trial:  # these are few by themselves, and whoever makes one must not pay with the answer
            self._extra.take()
        return _Attempt(replica, call, self._clock)

    async def _best_of(
        self, first: _Attempt[T], second: _Attempt[T] | None, times: RecentTimes, *, is_hedged: bool
    ) -> Reply[T]:
        waiting = {attempt.task: attempt for attempt in (first, second) if attempt is not None}
        while waiting:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                attempt = waiting.pop(task)
                if attempt.error is None:
                    self._won(attempt, first, times)
                    return Reply(task.result(), hedged=attempt is second)
                self._failed(attempt, times, is_hedged=is_hedged)
        error = first.error
        assert error is not None
        raise error

    def _won(self, winner: _Attempt[T], first: _Attempt[T], times: RecentTimes) -> None:
        beaten = not first.task.done()
        if winner is first or beaten:
            times.add(first.seconds)
        if beaten:
            self._replicas.lost(first.replica)

    def _failed(self, attempt: _Attempt[T], times: RecentTimes, *, is_hedged: bool) -> None:
        match attempt.error:
            case Overloaded():
                attempt.replica.answered()
                if is_hedged:  # jobs are refused by rule
                    self._extra.overloaded()
            case InvalidArgument() | ShardNotServed():  # our fault, or it only lacks what was asked for
                attempt.replica.answered()
            case DeadlineExceeded() if attempt.seconds < _lost_after(times):
                pass  # the caller's deadline was too short for any replica
            case _:
                self._replicas.lost(attempt.replica)


def _may_help(error: BaseException | None) -> bool:
    """Whether another replica may answer what this one did not; one that is overloaded is not relieved by that."""
    return isinstance(error, AisleError) and not isinstance(error, DeadlineExceeded | InvalidArgument | Overloaded)
