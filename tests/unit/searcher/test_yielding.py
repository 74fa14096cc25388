"""Files are read and verified by a thread that stands back."""

import os
import threading
from pathlib import Path

from services.searcher.yielding import YieldingFiles
from services.snapshot.manifest import FileEntry, Manifest
from tests.support.snapshots import publish_snapshot


async def test_files_are_verified_with_what_is_left_of_the_cores(tmp_path: Path) -> None:
    """Linux gives each thread a priority; that of the others stays as it was."""
    before = os.getpriority(os.PRIO_PROCESS, 0)

    class Files:
        priority = before

        def fetch(self, _manifest: Manifest, _entry: FileEntry) -> Path:
            self.priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
            return tmp_path

    files = Files()
    yielding = YieldingFiles(files)
    snapshot = publish_snapshot(tmp_path, {"Shoes": 2})
    assert yielding.fetch(snapshot.manifest, snapshot.manifest.files[0]) == tmp_path
    yielding.close()
    assert files.priority == 19
    assert os.getpriority(os.PRIO_PROCESS, 0) == before
