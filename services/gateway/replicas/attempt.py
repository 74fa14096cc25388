"""One call to one replica, which is counted there for as long as it runs. Knows no gRPC."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from services.gateway.replicas.choosing import Replica

T = TypeVar("T")
Call = Callable[[str], Awaitable[T]]
"""Asks the replica at a target; raises DeadlineExceeded when late and another AisleError when lost."""


class Attempt(Generic[T]):
    """One call: awaited within its caller's task, or in a task of its own where something else may happen meanwhile.

    Attributes:
        replica: whom it asks.
        is_trial: whether that replica was passed over until now.
        late_is_lost: whether a deadline that passes may be the replica's fault.
        error: what it ended with; None when it was answered or still runs.
        has_ended: whether it was answered, failed or was cancelled.
        silence_seconds: how long the replica had answered nothing at all by then.
    """

    def __init__(self, replica: Replica, call: Call[T], clock: Callable[[], float], *, late_is_lost: bool) -> None:
        """Count it; `answer` or `begin` then makes the call."""
        self.replica = replica
        self.is_trial = replica.is_away
        self.late_is_lost = late_is_lost
        self.error: BaseException | None = None
        self.has_ended = False
        self.silence_seconds = 0.0
        self._call = call
        self._clock = clock
        self._began = clock()
        replica.asked(self._began, soon=late_is_lost)

    async def answer(self) -> T:
        """Make the call within the caller's own task."""
        try:
            answer = await self._call(self.replica.target)
        except BaseException as error:
            self._ended(error)
            raise
        self._ended(None)
        return answer

    def begin(self) -> "asyncio.Task[T]":
        """Make the call in a task, so that something else can be done meanwhile."""
        task = asyncio.ensure_future(self.answer())
        task.add_done_callback(self._left)
        return task

    def _left(self, task: "asyncio.Task[T]") -> None:
        """Note the end of a task that was cancelled before its first step; any other end is noted already."""
        if not task.cancelled():
            task.exception()  # unread, asyncio would log it
        self._ended(asyncio.CancelledError())

    def _ended(self, error: BaseException | None) -> None:
        if self.has_ended:
            return
        now = self._clock()
        self.has_ended = True
        self.error = error
        if error is None:
            self.replica.answered(now)
        self.silence_seconds = self.replica.silence(now)
        self.replica.ended(soon=self.late_is_lost)

    def another(self, replica: Replica) -> "Attempt[T]":
        """Return the same call to another replica."""
        return Attempt(replica, self._call, self._clock, late_is_lost=self.late_is_lost)

    @property
    def seconds(self) -> float:
        """How long ago it began."""
        return self._clock() - self._began
