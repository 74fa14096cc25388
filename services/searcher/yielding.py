"""Reading and verifying files without taking the cores from those who are served meanwhile."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from services.searcher.loading import VerifiedFiles
from services.snapshot.manifest import FileEntry, Manifest


class YieldingFiles:
    """Fetches and verifies files in a thread that gets only what is left of the cores.

    Reading and hashing are nearly all of what loading costs. What comes after them stays at the usual priority: it is
    Python in part, and a thread of low priority that is kept from running while it has the interpreter keeps everybody
    from running.
    """

    def __init__(self, files: VerifiedFiles) -> None:
        """Create it; its thread starts with the first file."""
        self._files = files
        self._thread = ThreadPoolExecutor(1, "verify", _yield_to_others)

    def fetch(self, manifest: Manifest, entry: FileEntry) -> Path:
        """Return the local path of a verified file, as `VerifiedFiles`."""
        return self._thread.submit(self._files.fetch, manifest, entry).result()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


def _yield_to_others() -> None:
    # To Linux, threads have priorities of their own.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
