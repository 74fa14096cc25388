"""Work that is killed, or runs out of disk, at a place that the test chooses; it is done in a child process."""

import os
import resource
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import faiss

from services.common.errors import AisleError

_OPERATIONS = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir"}
_ONLY_READS = {"r", "rb"}


def killed_at_step(folder: Path, work: Callable[[], object], step: int) -> bool:
    """Do work that is killed before the n-th time that it changes or flushes something below a folder.

    Returns:
        Whether it got through without being killed.
    """

    def arm() -> None:
        operations = count(1)

        def kill_at_step(event: str, arguments: tuple[Any, ...]) -> None:
            ours = event in _OPERATIONS and str(arguments[0]).startswith(str(folder))
            ours = ours and not (event == "open" and arguments[1] in _ONLY_READS)
            if ours and next(operations) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(kill_at_step)

    status = _in_child(arm, work)
    assert status in {0, -signal.SIGKILL}, status
    return status == 0


def full_at(most_bytes: int, work: Callable[[], object]) -> bool:
    """Do work where no file can grow beyond some bytes; True when that was enough, False when it said so and ended.

    A disk that is full refuses in the same way, but for the words.
    """

    def arm() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

    status = _in_child(arm, work)
    assert status in {0, 1}, status
    return status == 0


def _in_child(arm: Callable[[], None], work: Callable[[], object]) -> int:
    """Return how the work ended: 0 done, 1 refused as an operator is told, 2 by a defect, negative for a signal."""
    child = os.fork()
    if child == 0:
        status = 2
        try:
            faiss.omp_set_num_threads(1)  # the threads of the parent's FAISS were not forked with it
            arm()
            work()
            status = 0
        except (AisleError, OSError):
            status = 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
