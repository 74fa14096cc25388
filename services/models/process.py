"""A running tritonserver: start it, read its log, stop it, and leave nothing of it behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path

from services.models.command import TritonCommand

_TAIL_LINES = 200
_POLL_SECONDS = 0.02
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # where Linux keeps POSIX shared memory; Triton's choice, not ours


class TritonProcess:
    """One tritonserver and its Python stubs, in a process group of their own.

    Needs no event loop. Make it in a thread that lives as long as the server shall (see `tied_to_parent`). When the
    caller is killed, the kernel ends Triton; when Triton is killed, its stubs notice and end by themselves.
    """

    def __init__(self, command: TritonCommand, *, echo: bool = False) -> None:
        """Start the server; the log's last lines are kept, and with `echo` all go to standard error, too."""
        self.command = command
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._echo = echo
        # A group of its own: Ctrl-C in a terminal reaches us only, and we drain before Triton ends.
        self._popen = subprocess.Popen(  # noqa: S603  # the command that we built
            command.argv,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_log, name="triton-log", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The server's process id, which is its process group's, too."""
        return self._popen.pid

    @property
    def exit_status(self) -> int | None:
        """How the server ended, negative for a signal; None while it runs."""
        return self._popen.poll()

    def log_tail(self) -> list[str]:
        """Return the last lines of the log; complete once the server has ended."""
        if self.exit_status is not None:
            self._reader.join(timeout=1.0)
        return list(self._tail)

    def stop(self, grace_seconds: float) -> None:
        """End the server and all of its processes: ask, wait for `grace_seconds`, then kill. Blocks; safe to repeat."""
        self._popen.terminate()  # does nothing to one that has ended
        give_up = time.monotonic() + grace_seconds
        while self.exit_status is None and time.monotonic() < give_up:
            time.sleep(_POLL_SECONDS)
        # After a drain there is nothing left to kill, nor to remove.
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        else:
            self._popen.wait()
        _remove_shared_memory(self.command)
        self._reader.join(timeout=1.0)

    def _read_log(self) -> None:
        assert self._popen.stdout is not None
        with self._popen.stdout as log:
            for line in log:
                self._tail.append(line.rstrip("\n"))
                if self._echo:
                    sys.stderr.write(line)


def _remove_shared_memory(command: TritonCommand) -> None:
    """Remove what a killed Triton left behind; never call it while that Triton runs."""
    for region in _SHARED_MEMORY.glob(f"{command.shm_prefix}*"):
        region.unlink(missing_ok=True)
