"""`python -m tests.support.faults.full_disk ROOT BYTES`: publish a snapshot where no file can grow beyond some bytes.

It ends with 0 when that failed, as it must, and the snapshot that was current still is.
"""

import resource
import shutil
import sys
from pathlib import Path

from services.common.errors import AisleError
from services.snapshot.store import SnapshotStore
from tests.support.cluster import publish


def main(root: Path, most_bytes: int) -> str | None:
    """Return what is wrong; None when all is as it must be."""
    store = SnapshotStore(root)
    before = store.current_id()
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
    try:
        publish(root)
    except (OSError, RuntimeError, AisleError):  # FAISS says RuntimeError
        after = store.current_id()
        return None if after == before else f"{after} became current, half-written"
    finally:
        shutil.rmtree(root / "draft", ignore_errors=True)
    return f"{most_bytes} bytes were enough: the disk was not full"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
