"""Those who come to the door of `services.common.admission`, and the door itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.common.admission import Admission, AdmissionRules
from services.common.concurrency_limit import LimitRules
from services.common.criticality import Criticality
from tests.support.clocks import ManualClock

PERSON, JOB = Criticality.INTERACTIVE, Criticality.BATCH


def door(clock: ManualClock, places: int = 1, max_waiting: int = 3) -> Admission:
    """A door whose limit stays where it is."""
    return Admission(AdmissionRules(LimitRules(least=places, most=places), max_waiting), clock)


async def settle() -> None:
    """Let everything go on that can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def teach(admission: Admission, clock: ManualClock, seconds: float) -> None:
    """Let it see what work takes."""
    for _ in range(12):
        async with admission.admitted(PERSON, None):
            clock.advance(seconds)


class Guests:
    """Those who come, each in a task of its own, and the order in which they were let in."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._may_leave: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.inside: list[str] = []
        self.came_in: list[str] = []

    async def come(self, name: str, criticality: Criticality = PERSON, remaining_seconds: float | None = None) -> None:
        """Come to the door."""
        self._may_leave[name] = asyncio.Event()

        async def visit() -> None:
            async with self._admission.admitted(criticality, remaining_seconds):
                self.inside.append(name)
                self.came_in.append(name)
                try:
                    await self._may_leave[name].wait()
                finally:
                    self.inside.remove(name)

        self.tasks[name] = asyncio.create_task(visit())
        await settle()

    async def leave(self, name: str) -> None:
        """Be done."""
        self._may_leave[name].set()
        await settle()

    def refusal(self, name: str) -> BaseException | None:
        """Why somebody was sent away; None for whoever was not."""
        task = self.tasks[name]
        return task.exception() if task.done() and not task.cancelled() else None


@asynccontextmanager
async def visiting(admission: Admission) -> AsyncIterator[Guests]:
    guests = Guests(admission)
    try:
        yield guests
    finally:
        for task in guests.tasks.values():
            task.cancel()
        await asyncio.gather(*guests.tasks.values(), return_exceptions=True)
