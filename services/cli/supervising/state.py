"""The run folder's state file: which system runs from this folder, for those who want to find it."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from services.cli.supervising.processes import ProcessStatus
from services.common.errors import FailedPrecondition, SettingsInvalid

_STATE = "system.json"
_LOCK = "lock"
# Whoever asks whether a folder is owned holds its lock for an instant; an owner holds it for good.
_LOCK_ATTEMPTS = 20
_LOCK_WAIT_SECONDS = 0.01


class SystemState(BaseModel):
    """A system as its supervisor last saw it."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    supervisor_pid: int
    """Process id of the supervisor."""
    snapshot_root: str
    """Where its snapshots are published."""
    snapshot_id: str
    """The snapshot that it serves; empty for Triton alone."""
    gateway: str
    """`host:port` of the gateway; empty for Triton alone."""
    triton: str
    """`host:port` of Triton."""
    processes: tuple[ProcessStatus, ...]
    """Its processes."""


@contextmanager
def owned(run_folder: Path) -> Iterator[None]:
    """Own a run folder, made if needed; at the end its state file is removed.

    The lock is what tells a running system from the file of one that was killed: the kernel lets go of it with the
    process, whatever happens, and a process id that came back can't be mistaken for it.

    Raises:
        FailedPrecondition: another system runs from this folder.
        SettingsInvalid: it can't be a folder of ours.
    """
    lock = _opened_lock(run_folder)
    try:
        if not _locked(lock):
            raise FailedPrecondition(
                f"a system already runs from {run_folder} (`aisle status`): end it first, or give this one another "
                "--run-folder"
            )
        try:
            yield
        finally:
            (run_folder / _STATE).unlink(missing_ok=True)
    finally:
        os.close(lock)


def _opened_lock(run_folder: Path) -> int:
    try:
        run_folder.mkdir(parents=True, exist_ok=True)
        return os.open(run_folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SettingsInvalid(
            f"--run-folder {run_folder} can't be made or written to: {error.strerror}", field="run_folder"
        ) from None


def _locked(lock: int) -> bool:
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_WAIT_SECONDS)
        else:
            return True
    return False


def write_state(run_folder: Path, state: SystemState) -> None:
    """Replace the state file in one step."""
    fresh = run_folder / f"{_STATE}.new"
    fresh.write_text(state.model_dump_json(indent=2) + "\n", encoding="utf-8")
    fresh.replace(run_folder / _STATE)


def running_system_state(run_folder: Path) -> SystemState | None:
    """Return the state of the system that runs from this folder; None when none does, whatever its file says."""
    if not _is_owned(run_folder):
        return None
    try:
        return SystemState.model_validate(json.loads((run_folder / _STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):  # it has not written its first state yet
        return None


def _is_owned(run_folder: Path) -> bool:
    try:
        lock = os.open(run_folder / _LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(lock)
