"""One measurement: a schedule is sent to the gateway, and what became of it is gathered second by second."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.loadtest.arrivals import Arrivals, duration_seconds, send_times, warm_up_times
from services.loadtest.consumption import Sample
from services.loadtest.fleet import Fleet
from services.loadtest.job import Job
from services.loadtest.measured import Measured
from services.loadtest.photos import Source
from services.loadtest.plan import make_plan
from services.loadtest.scenario import Scenario
from services.loadtest.target import Target
from services.loadtest.usage import machine_time, use_of

_HEAD_START_SECONDS = 0.2
"""Between telling the senders the start and the first photo: they must have read it by then."""


Watch = Callable[[float, Measured], None]
"""Called now and then with the seconds since the start, negative in the warm-up, and what is known so far."""


@dataclass(frozen=True)
class Bench:
    """What stays the same over the measurements of a run.

    Attributes:
        target: the gateway.
        scenario: what is sent; its arrivals may be replaced.
        source: the photos.
        recorded: the times of a replay.
        senders: processes that send.
        server_pids: processes of the server on this machine, by name.
        stop: set to end before the time.
    """

    target: Target
    scenario: Scenario
    source: Source
    recorded: Sequence[float]
    senders: int
    server_pids: Mapping[str, int]
    stop: asyncio.Event

    def schedule(self, arrivals: Arrivals) -> list[NDArray[np.float64]]:
        """Return the times of the warm-up and of the arrivals."""
        seed, warm_up = self.scenario.seed, self.scenario.warm_up_seconds
        return [
            warm_up_times(arrivals, warm_up, seed + 1, self.recorded),
            send_times(arrivals, seed, self.recorded),
        ]

    async def measure(self, arrivals: Arrivals, watch: Watch) -> Measured:
        """Send the arrivals.

        Raises:
            AisleError: the senders can't start, can't connect, or end in the middle.
        """
        scenario = self.scenario
        weights = [kind.weight for kind in scenario.mix]
        plan = make_plan(self.schedule(arrivals), weights, len(self.source), scenario.seed + 2)
        measured = Measured(plan, duration_seconds(arrivals, self.recorded))
        job = Job(self.target, scenario.mix, self.source, plan)
        async with Fleet.started(job, self.senders) as fleet:
            start = time.monotonic() + _HEAD_START_SECONDS + scenario.warm_up_seconds
            watching = asyncio.create_task(self._watch(measured, fleet, start, watch))
            stopping = asyncio.create_task(self._stop(measured, fleet, start))

            def hears(second: int, kind: int, tally: dict[str, Any]) -> None:
                if second >= 0:
                    measured.tallies.setdefault((second, kind), []).append(tally)

            try:
                measured.ending = await fleet.send(start, hears)
            finally:
                for task in (watching, stopping):
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task
        return measured

    async def _watch(self, measured: Measured, fleet: Fleet, start: float, watch: Watch) -> None:
        """Look once a second, on the second, at what everybody uses, until the last photo was due."""
        senders = {f"sender {number}": pid for number, pid in enumerate(fleet.pids)}
        while True:
            at = time.monotonic() - start
            if -1.0 < at <= measured.seconds + 0.5:
                used, machine = await asyncio.to_thread(
                    lambda: (use_of({**self.server_pids, **senders}), machine_time())
                )
                measured.samples.append(
                    Sample(
                        at,
                        {name: used[name] for name in self.server_pids if name in used},
                        {name: used[name] for name in senders if name in used},
                        time.process_time(),
                        machine,
                    )
                )
            watch(at, measured)
            await asyncio.sleep(1.0 - (time.monotonic() - start) % 1.0)

    async def _stop(self, measured: Measured, fleet: Fleet, start: float) -> None:
        await self.stop.wait()
        now = time.monotonic() - start
        if now < measured.seconds:
            measured.interrupted = True
            measured.seconds = max(now, 0.0)
        await fleet.stop()
