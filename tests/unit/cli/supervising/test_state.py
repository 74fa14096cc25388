"""The run folder's state file."""

import fcntl
import threading
from pathlib import Path

import pytest

from services.cli.supervising.processes import Kind, ProcessStatus, State
from services.cli.supervising.state import SystemState, owned, running_system_state, write_state
from services.common.errors import FailedPrecondition

STATUS = ProcessStatus("gateway", Kind.GATEWAY, State.SERVING, "127.0.0.1:1", 7, 2, Path("gateway.log"), "why")
STATE = SystemState(
    supervisor_pid=1, snapshot_root="r", snapshot_id="s", gateway="127.0.0.1:1", triton="", processes=(STATUS,)
)


def test_a_running_system_is_found(tmp_path: Path) -> None:
    """All that was written is read again, for as long as the owner lives."""
    with owned(tmp_path / "run"):
        assert running_system_state(tmp_path / "run") is None
        write_state(tmp_path / "run", STATE)
        assert running_system_state(tmp_path / "run") == STATE
    assert running_system_state(tmp_path / "run") is None


def test_one_system_per_folder(tmp_path: Path) -> None:
    """The second one is told what to do, and the first one is none the worse for it."""
    with owned(tmp_path):
        write_state(tmp_path, STATE)
        with pytest.raises(FailedPrecondition, match="aisle status"), owned(tmp_path):
            pass
        assert running_system_state(tmp_path) == STATE


def test_asking_does_not_keep_an_owner_out(tmp_path: Path) -> None:
    """Whoever asks holds the lock for an instant; an owner that starts just then waits for it."""
    with (tmp_path / "lock").open("w") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        answered = threading.Timer(0.05, lambda: fcntl.flock(asking, fcntl.LOCK_UN))
        answered.start()
        with owned(tmp_path):
            answered.join()


def test_a_folder_is_free_after_an_error(tmp_path: Path) -> None:
    """A system that failed leaves no state and no lock."""

    def failing_system() -> None:
        with owned(tmp_path):
            write_state(tmp_path, STATE)
            raise LookupError

    with pytest.raises(LookupError):
        failing_system()
    assert not (tmp_path / "system.json").exists()
    with owned(tmp_path):
        pass


@pytest.mark.parametrize("content", ["", "{}", "not json"])
def test_a_damaged_file_is_no_system(tmp_path: Path, content: str) -> None:
    """Nothing is found, and nothing fails."""
    with owned(tmp_path):
        (tmp_path / "system.json").write_text(content)
        assert running_system_state(tmp_path) is None


def test_a_folder_that_is_missing_has_no_system(tmp_path: Path) -> None:
    """Asking makes no folder."""
    assert running_system_state(tmp_path / "run") is None
    assert not (tmp_path / "run").exists()
