"""Processes that leave nothing behind, with a shell in Triton's place."""

import signal
import time
from pathlib import Path

import pytest

from services.models.command import TritonCommand
from services.models.process import TritonProcess


def shell(script: str) -> TritonCommand:
    return TritonCommand(
        argv=("sh", "-c", script),
        environment={"PATH": "/usr/bin:/bin"},
        target="127.0.0.1:1",
        shm_prefix="aisle_test_none_",
        stop_seconds=1.0,
    )


def _wait_for(process: TritonProcess, line: str) -> None:
    deadline = time.monotonic() + 5
    while line not in process.log_tail():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_log_is_kept() -> None:
    """Both streams, in order, with the exit status."""
    process = TritonProcess(shell("echo one; echo two >&2; exit 3"))
    _wait_for(process, "two")
    process.stop(1.0)
    assert process.exit_status == 3
    assert process.log_tail() == ["one", "two"]


def test_only_the_last_lines_are_kept() -> None:
    """A server that logs for weeks does not fill our memory."""
    process = TritonProcess(shell("seq 1 5000"))
    _wait_for(process, "5000")
    process.stop(1.0)
    assert len(process.log_tail()) < 1000


def test_a_server_that_ends_when_asked_is_not_killed() -> None:
    """It may drain and say goodbye."""
    process = TritonProcess(shell("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.01; done"))
    _wait_for(process, "up")
    process.stop(5.0)
    assert process.exit_status == 0
    assert process.log_tail()[-1] == "bye"


def test_a_server_that_does_not_end_is_killed() -> None:
    """After the grace period, not before and not much later."""
    process = TritonProcess(shell("trap '' TERM; echo up; while :; do sleep 0.01; done"))
    _wait_for(process, "up")
    started = time.monotonic()
    process.stop(0.2)
    assert process.exit_status == -signal.SIGKILL
    assert 0.2 <= time.monotonic() - started < 2.0


def test_children_of_a_dead_server_are_killed(tmp_path: Path) -> None:
    """A stub that outlives its server would hold its memory for ever."""
    process = TritonProcess(shell(f"(while :; do sleep 0.01; done) & echo $! > {tmp_path}/pid; echo up; exit 1"))
    _wait_for(process, "up")
    process.stop(1.0)
    child = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and "\nState:\tZ" not in Path(f"/proc/{child}/status").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_stopping_twice_is_fine() -> None:
    """Whoever cleans up need not know who did before."""
    process = TritonProcess(shell("echo up"))
    _wait_for(process, "up")
    process.stop(1.0)
    process.stop(1.0)
    assert process.exit_status == 0


def test_a_missing_program_is_told() -> None:
    """Without setpriv or Triton there is no process to stop."""
    with pytest.raises(FileNotFoundError):
        TritonProcess(TritonCommand(("/nowhere/triton",), {}, "127.0.0.1:1", "aisle_test_none_", 1.0))
