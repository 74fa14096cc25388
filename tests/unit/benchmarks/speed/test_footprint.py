"""What a process keeps in memory, as the kernel lists its mappings."""

import os
from pathlib import Path

import numpy as np
import pytest

from services.benchmarks.speed.footprint import resident_without_index

SMAPS = """\
55d0c0000000-55d0c0100000 r-xp 00000000 08:01 11 /usr/bin/python3.11
Size:               1024 kB
Rss:                1000 kB
7f0000000000-7f0004000000 r--s 00000000 08:01 12 /snapshots/one/coat/index.faiss
Size:              65536 kB
Rss:               60000 kB
7f0005000000-7f0005100000 r--s 00000000 08:01 13 /snapshots/one/coat/items.arrow
Rss:                  24 kB
7f0006000000-7f0006100000 rw-p 00000000 00:00 0
Rss:                   8 kB
"""


def test_mapped_indexes_are_left_out_and_nothing_else(tmp_path: Path) -> None:
    """Items, libraries and the heap count."""
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "smaps").write_text(SMAPS)
    assert resident_without_index(7, tmp_path) == 1024 * (1000 + 24 + 8)


def test_an_index_that_this_process_maps_does_not_count(tmp_path: Path) -> None:
    """The kernel's own lines are read as they are."""
    file = tmp_path / "index.faiss"
    np.zeros(16_000_000, np.uint8).tofile(file)
    before = resident_without_index(os.getpid())
    mapped = np.memmap(file, np.uint8, "r")
    assert not mapped.any()  # every page is resident now
    assert resident_without_index(os.getpid()) - before < 8_000_000


def test_a_process_that_has_ended_is_an_error(tmp_path: Path) -> None:
    """It must not count as one that needs nothing."""
    with pytest.raises(FileNotFoundError):
        resident_without_index(7, tmp_path)
