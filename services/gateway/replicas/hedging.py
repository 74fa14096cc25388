"""One question to one of several replicas, and to a second one when the first is slow or lost. Knows no gRPC.

The second call is the only one that a question ever gets beyond its first: nothing is asked a third time.
"""

import asyncio
from collections.abc import Callable, Sequence
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
from services.gateway.replicas.attempt import Attempt, Call
from services.gateway.replicas.choosing import Replicas
from services.gateway.replicas.extra_calls import ExtraCalls

T = TypeVar("T")

_UNKNOWN_SECONDS = 0.05
_RETRY_AFTER_SECONDS = 0.5
_SURELY_LOST_SECONDS = 0.5
"""Whoever has not answered by then is lost, also where nothing is known of what answers take."""
_SILENT_SECONDS = 0.25
"""A replica that answered nobody for a shorter time may have had calls that take longer than those of this kind."""
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


def _is_lost(late: Attempt[T], times: RecentTimes) -> bool:
    """Whether a call that was not answered in time says something about its replica.

    It does when it took longer than it may. A shorter one does when nobody else's was answered either, as long as that:
    where all callers allow little more than calls take, no call by itself would ever tell that a replica hangs.
    """
    longest = _SURELY_LOST_SECONDS if times.quantile(_USUAL) is None else hedge_after(times, 0.0)
    return late.seconds >= longest or late.silence_seconds >= max(longest, _SILENT_SECONDS)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """An answer, and whether it is that of the second replica."""

    value: T
    hedged: bool = False


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
        self,
        targets: Sequence[str],
        call: Call[T],
        *,
        times: RecentTimes,
        after_seconds: float | None,
        late_is_lost: bool = True,
    ) -> Reply[T]:
        """Return the first answer.

        Args:
            targets: the replicas that would do, at least one.
            call: asks one of them.
            times: what first calls take, which is added to; of one that was beaten, what it had taken by then.
            after_seconds: how long the first call may take alone; None to wait for it as long as it takes, unless it
                is to find out whether a replica is back.
            late_is_lost: whether a call that does not end in time may count against its replica; not where calls of
                its kind take as long as they like, for a replica that is passed over is lost to all kinds.

        Raises:
            Unavailable: all replicas seem to be lost, and another call is finding out whether one is back.
            AisleError: what the first call raised, when no second one was made, or that failed, too.
        """
        replica = self._replicas.choose(targets)
        if replica is None:
            raise Unavailable("no replica answers", retry_after_seconds=_RETRY_AFTER_SECONDS)
        self._extra.called()
        first = Attempt(replica, call, self._clock, late_is_lost=late_is_lost)
        is_hedged = after_seconds is not None
        if first.is_trial:  # no longer than the other one, which is well, needs the rest of the time
            usual_seconds = hedge_after(times, 1.0)
            after_seconds = usual_seconds if after_seconds is None else min(after_seconds, usual_seconds)
        if after_seconds is None or len(targets) == 1:
            return await self._one_after_the_other(targets, first, times, is_hedged=is_hedged)
        return await self._side_by_side(targets, first, times, after_seconds, is_hedged=is_hedged)

    async def _one_after_the_other(
        self, targets: Sequence[str], first: Attempt[T], times: RecentTimes, *, is_hedged: bool
    ) -> Reply[T]:
        """Wait for the first call as long as it takes; without a task, asking costs 5 microseconds instead of 20."""
        try:
            answer = await first.answer()
        except Exception as error:
            second = self._second(targets, first) if _may_help(error) else None
            self._failed(first, times, is_hedged=is_hedged)
            if second is None:
                raise
            try:
                return Reply(await second.answer(), hedged=True)
            except Exception:  # noqa: BLE001 - whatever it is, what the first call raised is what its caller hears
                self._failed(second, times, is_hedged=is_hedged)
            raise
        self._won(first, first, times)
        return Reply(answer)

    async def _side_by_side(
        self,
        targets: Sequence[str],
        first: Attempt[T],
        times: RecentTimes,
        after_seconds: float,
        *,
        is_hedged: bool,
    ) -> Reply[T]:
        """Begin the second call while the first one runs, when that takes longer than it may."""
        tasks = {first.begin(): first}
        try:
            await asyncio.wait(tasks, timeout=after_seconds)
            if not first.has_ended or _may_help(first.error):
                second = self._second(targets, first)
                if second is not None:
                    tasks[second.begin()] = second
            return await self._best_of(first, dict(tasks), times, is_hedged=is_hedged)
        finally:
            for task in tasks:
                task.cancel()  # the loser; or both, when the caller is gone

    def _second(self, targets: Sequence[str], first: Attempt[T]) -> Attempt[T] | None:
        if not (first.is_trial or self._extra.is_affordable):
            return None
        replica = self._replicas.choose(targets, avoid=(first.replica.target,), even_lost=first.has_ended)
        if replica is None:
            return None
        if not first.is_trial:  # these are few by themselves, and whoever makes one must not pay with the answer
            self._extra.take()
        return first.another(replica)

    async def _best_of(
        self,
        first: Attempt[T],
        waiting: "dict[asyncio.Task[T], Attempt[T]]",
        times: RecentTimes,
        *,
        is_hedged: bool,
    ) -> Reply[T]:
        while waiting:
            done = [task for task in waiting if task.done()]
            if not done:
                done = list((await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED))[0])
            for task in done:
                attempt = waiting.pop(task)
                if attempt.error is None:
                    self._won(attempt, first, times)
                    return Reply(task.result(), hedged=attempt is not first)
                self._failed(attempt, times, is_hedged=is_hedged)
        error = first.error
        assert error is not None
        raise error

    def _won(self, winner: Attempt[T], first: Attempt[T], times: RecentTimes) -> None:
        beaten = not first.has_ended
        if winner is first or beaten:
            times.add(first.seconds)
        if beaten:
            self._replicas.lost(first.replica)

    def _failed(self, attempt: Attempt[T], times: RecentTimes, *, is_hedged: bool) -> None:
        match attempt.error:
            case Overloaded():
                self._replicas.answered(attempt.replica)
                if is_hedged:  # jobs are refused by rule
                    self._extra.overloaded()
            # our fault, it only lacks what was asked for, or the time was too short: whoever can say so is not lost
            case InvalidArgument() | ShardNotServed() | DeadlineExceeded(said_by_callee=True):
                self._replicas.answered(attempt.replica)
            case DeadlineExceeded() if not (attempt.late_is_lost and _is_lost(attempt, times)):
                pass  # the caller's deadline was too short for any replica
            case _:
                self._replicas.lost(attempt.replica)


def _may_help(error: BaseException | None) -> bool:
    """Whether another replica may answer what this one did not; one that is overloaded is not relieved by that."""
    return isinstance(error, AisleError) and not isinstance(error, DeadlineExceeded | InvalidArgument | Overloaded)
