"""Starts the processes of a system, waits until they serve, starts again those that die, and ends them all."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from services.cli.supervising.child import Child
from services.cli.supervising.processes import START_WAVES, STOP_WAVES, ProcessSpec, ProcessStatus, State
from services.cli.supervising.restarts import RestartPolicy
from services.common.errors import AisleError, SettingsInvalid, Unavailable

OnChange = Callable[[ProcessStatus], None]

_POLL_SECONDS = 0.1


class Supervisor:
    """Runs processes for the time of its context.

    A process that can't start at first is an error of whoever asked for it. One that dies later is started again, on
    the same address, for as long as the system runs. Should that fail by anything but the process itself, the task
    that entered the context is cancelled and the context raises the error: nobody may believe that all is kept.
    """

    def __init__(
        self,
        log_folder: Path,
        *,
        restarts: RestartPolicy,
        start_timeout_seconds: float,
        grace_seconds: float,
        starts_at_once: int,
        on_change: OnChange,
    ) -> None:
        """Create a supervisor of nothing yet.

        Args:
            log_folder: existing folder for `<name>.log`.
            restarts: how long to wait before a process is started again.
            start_timeout_seconds: how long a process may take until it serves.
            grace_seconds: how long a process may take to end before it is killed.
            starts_at_once: processes that load at the same time, at least 1; loading is CPU work.
            on_change: hears of every change of a process's state.
        """
        self._log_folder = log_folder
        self._restarts = restarts
        self._start_timeout_seconds = start_timeout_seconds
        self._grace_seconds = grace_seconds
        self._starting = asyncio.Semaphore(starts_at_once)
        self._on_change = on_change
        self._processes: list[_Supervised] = []
        self._owner: asyncio.Task[Any] | None = None
        self._failure: BaseException | None = None

    async def __aenter__(self) -> Self:
        self._owner = asyncio.current_task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        owner, self._owner = self._owner, None  # from here on no keeper may cancel our stopping
        if owner is not None and self._failure is not None:
            owner.uncancel()  # it was we who cancelled it
        try:
            await self.stop()
        finally:
            if self._failure is not None:
                raise self._failure

    @property
    def statuses(self) -> tuple[ProcessStatus, ...]:
        """What is known of each process."""
        return tuple(process.status for process in self._processes)

    async def start(self, specs: Sequence[ProcessSpec]) -> None:
        """Start processes and return when all of them serve.

        Raises:
            AisleError: one of them can't start; the message says which and why.
        """
        added = [_Supervised(spec, self._log_folder / f"{spec.name}.log", self._on_change) for spec in specs]
        self._processes += added
        for process in added:
            process.say(State.WAITING)
        for kinds in START_WAVES:
            await _all_or_error(self._start_in_turn(process) for process in added if process.spec.kind in kinds)

    async def stop(self) -> None:
        """End all processes, callers before those they call. Safe to repeat."""
        keepers = [process.keeper for process in self._processes if process.keeper is not None]
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for kinds in STOP_WAVES:
            wave = [process for process in self._processes if process.spec.kind in kinds]
            await asyncio.gather(*(process.stop(self._grace_seconds) for process in wave))

    async def _start_in_turn(self, process: "_Supervised") -> None:
        async with self._starting:
            await process.start(self._start_timeout_seconds, self._grace_seconds)
        process.keeper = asyncio.create_task(self._keep(process))
        process.keeper.add_done_callback(self._keeper_ended)

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        if keeper.cancelled() or self._failure is not None:
            return
        self._failure = keeper.exception()
        if self._owner is not None:
            self._owner.cancel()

    async def _keep(self, process: "_Supervised") -> None:
        deaths = 0
        while True:
            serving_since = time.monotonic()
            why = await process.death()
            deaths = self._restarts.deaths_after(deaths, time.monotonic() - serving_since)
            while not await self._started_again(process, why, self._restarts.wait_seconds(deaths)):
                why = process.status.detail
                deaths = self._restarts.deaths_after(deaths, served_seconds=0)

    async def _started_again(self, process: "_Supervised", why: str, wait_seconds: float) -> bool:
        process.say(State.RESTARTING, f"{why}; again in {wait_seconds:g} s")
        await asyncio.sleep(wait_seconds)
        process.count_restart()
        try:
            await process.start(self._start_timeout_seconds, self._grace_seconds)
        except AisleError as error:
            process.say(State.RESTARTING, error.message)
            return False
        return True


class _Supervised:
    """A process and its current child."""

    def __init__(self, spec: ProcessSpec, log: Path, on_change: OnChange) -> None:
        self.spec = spec
        self.status = ProcessStatus(spec.name, spec.kind, State.WAITING, spec.address, pid=None, restarts=0, log=log)
        self.keeper: asyncio.Task[None] | None = None
        self._child: Child | None = None
        self._on_change = on_change

    def say(self, state: State, detail: str = "") -> None:
        pid = self._child.pid if self._child is not None and self._child.exit_status is None else None
        self.status = replace(self.status, state=state, pid=pid, detail=detail)
        self._on_change(self.status)

    def count_restart(self) -> None:
        self.status = replace(self.status, restarts=self.status.restarts + 1)

    async def start(self, timeout_seconds: float, grace_seconds: float) -> None:
        """Start it and return when it serves; end it when it does not."""
        self._child = child = await self._spawn()
        self.say(State.STARTING)
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._until_ready(child)
        except TimeoutError:
            await child.stop(grace_seconds)
            raise Unavailable(
                f"{self.spec.name} did not serve within {timeout_seconds:g} s: {child.why_it_ended()}"
            ) from None
        except AisleError:
            await child.stop(grace_seconds)
            raise
        self.say(State.SERVING)

    async def death(self) -> str:
        """Wait until it has ended, and return how."""
        assert self._child is not None
        return f"ended with status {await self._child.wait()}"

    async def stop(self, grace_seconds: float) -> None:
        if self._child is not None:
            await self._child.stop(grace_seconds)
        self.say(State.STOPPED)

    async def _spawn(self) -> Child:
        try:
            return await Child.start(self.spec, self.status.log)
        except OSError as error:
            raise Unavailable(f"{self.spec.name} can't be run: {error}") from None

    async def _until_ready(self, child: Child) -> None:
        while child.exit_status is None:
            if child.says_serving():
                return
            await asyncio.sleep(_POLL_SECONDS)
        to_be_mended = child.reason_it_ended() == SettingsInvalid.reason
        raise (SettingsInvalid if to_be_mended else Unavailable)(
            f"{self.spec.name} ended with status {child.exit_status} before it served: {child.why_it_ended()} "
            f"(log: {self.status.log})"
        )


async def _all_or_error(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run all; when one fails, cancel the others, wait for them, and raise its error as it is."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
