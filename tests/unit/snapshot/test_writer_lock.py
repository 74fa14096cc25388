"""One writer at a time, until it ends in whatever way."""

import errno
import os
import re
import signal
from pathlib import Path

import pytest

from services.common.errors import FailedPrecondition
from services.snapshot.root import SnapshotRoot
from services.snapshot.writer_lock import writer_lock


@pytest.mark.parametrize("url", ["{folder}/root", "memory://shop"])
def test_a_second_writer_is_refused(tmp_path: Path, url: str) -> None:
    """On a remote root, too, when it is of this machine; another root is another matter."""
    root = SnapshotRoot.at(url.format(folder=tmp_path))
    with writer_lock(root, tmp_path / "work"):
        with pytest.raises(FailedPrecondition, match="another command"), writer_lock(root, tmp_path / "work"):
            pass
        with writer_lock(SnapshotRoot.at("memory://other shop"), tmp_path / "work"):
            pass
    with writer_lock(root, tmp_path / "work"):
        pass


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    """The system's own words name no file when a byte finds no room; what names one, or has no number, stays."""
    root = SnapshotRoot.at(tmp_path)
    for error, words in (
        (OSError(errno.ENOSPC, "No space left on device"), f"[Errno 28] No space left on device: '{tmp_path}'"),
        (OSError(errno.ENOENT, "No such file or directory", "x"), "[Errno 2] No such file or directory: 'x'"),
        (OSError("not an Arrow file"), "not an Arrow file"),
    ):
        with pytest.raises(OSError, match=re.escape(words)), writer_lock(root, tmp_path):
            raise error


def test_a_killed_writer_holds_nothing(tmp_path: Path) -> None:
    """The kernel lets go of the lock with the process."""
    root, (ready, tell) = SnapshotRoot.at(tmp_path), os.pipe()
    child = os.fork()
    if child == 0:
        with writer_lock(root, tmp_path):
            os.write(tell, b".")
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(FailedPrecondition), writer_lock(root, tmp_path):
        pass
    os.kill(child, signal.SIGKILL)
    with writer_lock(root, tmp_path, patient=True):
        pass
    os.waitpid(child, 0)
