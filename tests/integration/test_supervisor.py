"""The supervisor with tiny real processes: start, restart, back-off, and nothing left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from services.cli.supervising.child import Child
from services.cli.supervising.processes import Kind, ProcessSpec, ProcessStatus, State
from services.cli.supervising.restarts import RestartPolicy
from services.cli.supervising.state import owned, running_system_state
from services.cli.supervising.supervisor import Supervisor
from services.common.errors import FailedPrecondition, SettingsInvalid, Unavailable
from services.models.child_processes import tied_to_parent
from tests.support.fake_gateway import FakeGateway, serving

# Says that it serves, notes its end in a journal that all share, and ends as it is told to.
SERVICE = """
import signal, sys, time
name, journal = sys.argv[1:]
def end(*_):
    open(journal, "a").write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print('{"event": "serving"}', flush=True)
while True:
    time.sleep(0.01)
"""
# Ignores SIGTERM, and has a child of its own.
STUBBORN = """
import signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
time.sleep(1000)
"""
FAILING = """
import sys
print("loading")
print('{"event": "start_failed", "error": "index.faiss: wrong SHA-256"}')
sys.exit(1)
"""
WAIT_SECONDS = 10


class Changes(list[ProcessStatus]):
    """All changes that a supervisor told."""

    def of(self, name: str) -> list[State]:
        return [status.state for status in self if status.name == name]


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def supervisor(tmp_path: Path, changes: Changes) -> AsyncIterator[Supervisor]:
    async with make_supervisor(tmp_path, changes.append) as made:
        yield made


def make_supervisor(
    folder: Path, on_change: Callable[[ProcessStatus], None], *, start_timeout_seconds: float = WAIT_SECONDS
) -> Supervisor:
    return Supervisor(
        folder,
        restarts=RestartPolicy(first_seconds=0.1, max_seconds=0.4, stable_seconds=60),
        start_timeout_seconds=start_timeout_seconds,
        grace_seconds=0.5,
        starts_at_once=2,
        on_change=on_change,
    )


def spec(folder: Path, name: str, kind: Kind = Kind.SEARCHER, program: str = SERVICE) -> ProcessSpec:
    argv = (sys.executable, "-c", program, name, str(folder / "journal"))
    return ProcessSpec(name, kind, tied_to_parent(argv), "127.0.0.1:1")


async def until(condition: Callable[[], bool], seconds: float = WAIT_SECONDS) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - other processes set no events
            await asyncio.sleep(0.01)


def runs(pid: int) -> bool:
    """Return whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_all_serve_and_callers_end_first(tmp_path: Path, supervisor: Supervisor) -> None:
    """The gateway is stopped before the searchers, and those before Triton, whatever the order they were given in."""
    kinds = {"g": Kind.GATEWAY, "t": Kind.TRITON, "s1": Kind.SEARCHER, "s2": Kind.SEARCHER}
    await supervisor.start([spec(tmp_path, name, kind) for name, kind in kinds.items()])
    assert {status.state for status in supervisor.statuses} == {State.SERVING}
    pids = [status.pid for status in supervisor.statuses]
    await supervisor.stop()
    ended = (tmp_path / "journal").read_text().split()
    assert (ended[0], set(ended[1:3]), ended[3]) == ("g", {"s1", "s2"}, "t")
    assert not any(runs(pid) for pid in pids if pid)


async def test_the_gateway_starts_after_all_others(tmp_path: Path, supervisor: Supervisor, changes: Changes) -> None:
    """It needs them all when it starts."""
    await supervisor.start([spec(tmp_path, "g", Kind.GATEWAY), spec(tmp_path, "s"), spec(tmp_path, "t", Kind.TRITON)])
    told = [(status.name, status.state) for status in changes]
    assert told.index(("g", State.STARTING)) > max(told.index(("s", State.SERVING)), told.index(("t", State.SERVING)))


async def test_a_process_that_dies_is_started_again(tmp_path: Path, supervisor: Supervisor, changes: Changes) -> None:
    """Killed from outside, it serves again as another process, and the others never notice."""
    await supervisor.start([spec(tmp_path, "a"), spec(tmp_path, "b")])
    first = supervisor.statuses[0].pid
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.statuses[0].restarts == 1 and supervisor.statuses[0].state is State.SERVING)
    assert supervisor.statuses[0].pid != first
    assert any("status -9" in status.detail for status in changes)
    assert changes.of("b") == [State.WAITING, State.STARTING, State.SERVING]


async def test_the_wait_grows_while_it_keeps_dying(tmp_path: Path, supervisor: Supervisor, changes: Changes) -> None:
    """Each death in a row doubles the wait, up to the longest."""
    await supervisor.start([spec(tmp_path, "a")])
    for deaths in range(1, 5):
        pid = supervisor.statuses[0].pid
        assert pid
        os.kill(pid, signal.SIGKILL)
        await until(lambda n=deaths: supervisor.statuses[0].restarts == n and supervisor.statuses[0].pid is not None)  # type: ignore[misc]
        await until(lambda: supervisor.statuses[0].state is State.SERVING)
    waits = [status.detail.split("again in ")[1] for status in changes if "again in" in status.detail]
    assert waits == ["0.1 s", "0.2 s", "0.4 s", "0.4 s"]


async def test_what_can_not_start_says_why_and_leaves_nothing(tmp_path: Path, changes: Changes) -> None:
    """A start that fails names the process and its own reason, and the others are ended."""
    supervisor = make_supervisor(tmp_path, changes.append)
    with pytest.raises(Unavailable, match=r"bad ended with status 1 before it served: index\.faiss: wrong SHA-256"):
        await supervisor.start([spec(tmp_path, "good"), spec(tmp_path, "bad", program=FAILING)])
    await supervisor.stop()
    pids = [status.pid for status in changes if status.pid]
    assert pids
    assert not any(runs(pid) for pid in pids)


async def test_settings_that_it_refuses_are_the_callers_to_mend(tmp_path: Path) -> None:
    """They are no outage that goes away by waiting."""
    program = FAILING.replace('"error"', '"reason": "SETTINGS_INVALID", "error"')
    async with make_supervisor(tmp_path, lambda _: None) as supervisor:
        with pytest.raises(SettingsInvalid, match="bad ended with status 1"):
            await supervisor.start([spec(tmp_path, "bad", program=program)])


async def test_what_never_serves_is_given_up(tmp_path: Path, changes: Changes) -> None:
    """A process that runs but never serves fails the start after its time."""
    supervisor = make_supervisor(tmp_path, changes.append, start_timeout_seconds=0.3)
    with pytest.raises(Unavailable, match=r"mute did not serve within 0\.3 s"):
        await supervisor.start([spec(tmp_path, "mute", program="import time; time.sleep(1000)")])
    assert not any(runs(status.pid) for status in changes if status.pid)
    await supervisor.stop()


async def test_the_stubborn_are_killed_with_their_children(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed after its grace, and so is what it has started."""
    log = tmp_path / "log"
    child = await Child.start(spec(tmp_path, "stubborn", program=STUBBORN), log)
    await until(lambda: log.read_text() != "")
    grandchild = int(log.read_text())
    await child.stop(grace_seconds=0.1)
    assert child.exit_status == -signal.SIGKILL
    await until(lambda: not runs(grandchild))


async def test_what_ends_does_not_serve_whatever_it_said(tmp_path: Path, supervisor: Supervisor) -> None:
    """The exit status counts for more than the log."""
    program = """print('{"event": "serving"}'); raise SystemExit(3)"""
    with pytest.raises(Unavailable, match="liar ended with status 3"):
        await supervisor.start([spec(tmp_path, "liar", program=program)])


async def test_a_stranger_on_the_port_is_not_our_process(tmp_path: Path, supervisor: Supervisor) -> None:
    """Somebody who answers there that he serves does not hide that ours has failed."""
    async with serving(FakeGateway()) as address:
        with pytest.raises(Unavailable, match="gateway ended with status 1"):
            await supervisor.start([replace(spec(tmp_path, "gateway", program=FAILING), address=address)])


async def test_a_log_that_is_removed_ends_nothing(tmp_path: Path, supervisor: Supervisor) -> None:
    """Its process is kept as before; the next run has a new log."""
    await supervisor.start([spec(tmp_path, "a")])
    (tmp_path / "a.log").unlink()
    pid = supervisor.statuses[0].pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: supervisor.statuses[0].restarts == 1 and supervisor.statuses[0].state is State.SERVING)


async def test_a_keeper_that_fails_ends_the_system_loudly(tmp_path: Path) -> None:
    """Whoever runs the system is told, at once and with the reason, and nothing is left running."""
    pids: list[int] = []

    def fail_on_restart(status: ProcessStatus) -> None:
        if status.state is State.RESTARTING:
            raise OSError("no terminal any more")

    async def run_for_ever() -> None:
        async with make_supervisor(tmp_path, fail_on_restart) as supervisor:
            await supervisor.start([spec(tmp_path, "a"), spec(tmp_path, "b")])
            pids.extend(status.pid for status in supervisor.statuses if status.pid)
            os.kill(pids[0], signal.SIGKILL)
            await asyncio.sleep(1000)

    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(OSError, match="no terminal any more"):
            await run_for_ever()
    assert len(pids) == 2
    assert not any(runs(pid) for pid in pids)


OWNER = """
import asyncio, pathlib, sys
sys.path.insert(0, {root!r})
from services.cli.supervising.state import SystemState, owned, write_state
from tests.integration.test_supervisor import make_supervisor, spec
async def main():
    folder = pathlib.Path(sys.argv[1])
    with owned(folder):
        supervisor = make_supervisor(folder, lambda _: None)
        await supervisor.start([spec(folder, "orphan")])
        state = dict(snapshot_root="", snapshot_id="", gateway="127.0.0.1:1", triton="", processes=())
        write_state(folder, SystemState(supervisor_pid=1, **state))
        print(supervisor.statuses[0].pid, flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""


async def test_nothing_survives_a_killed_supervisor(tmp_path: Path) -> None:
    """After kill -9 its processes end, and the state file that it left is known to be stale."""
    program = OWNER.format(root=str(Path(__file__).parents[2]))
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True) as owner:  # noqa: ASYNC220
        assert owner.stdout
        orphan = int(await asyncio.to_thread(owner.stdout.readline))
        assert runs(orphan)
        state = running_system_state(tmp_path)
        assert state
        assert state.gateway == "127.0.0.1:1"
        with pytest.raises(FailedPrecondition, match="already runs"), owned(tmp_path):
            pass
        owner.kill()
    await until(lambda: not runs(orphan))
    assert (tmp_path / "system.json").exists()
    assert running_system_state(tmp_path) is None
    with owned(tmp_path):
        pass


def test_stopping_takes_no_longer_than_it_must(tmp_path: Path) -> None:
    """Processes that end at once are not waited for until their grace is over."""

    async def start_and_stop() -> float:
        supervisor = make_supervisor(tmp_path, lambda _: None)
        await supervisor.start([spec(tmp_path, name) for name in "abcd"])
        began = time.monotonic()
        await supervisor.stop()
        return time.monotonic() - began

    assert asyncio.run(start_and_stop()) < 0.5
