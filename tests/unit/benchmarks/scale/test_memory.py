"""What the kernel says about processes' memory, and about no process."""

from pathlib import Path

from services.benchmarks.scale.memory import Resident, drop_from_page_cache, resident

ROLLUP = """55d0c4a00000-7ffc8f5d5000 ---p 00000000 00:00 0                          [rollup]
Rss:              {rss} kB
Pss:               {pss} kB
Pss_Dirty:           100 kB
"""


def test_processes_are_added_up_and_one_that_ended_has_nothing(tmp_path: Path) -> None:
    """Kilobytes become bytes."""
    for pid, rss, pss in ((11, 3_000, 2_000), (12, 500, 400)):
        (tmp_path / str(pid)).mkdir()
        (tmp_path / str(pid) / "smaps_rollup").write_text(ROLLUP.format(rss=rss, pss=pss))
    assert resident([11, 12, 13], proc=tmp_path) == Resident(rss=3_500 * 1024, pss=2_400 * 1024)


def test_files_that_the_kernel_forgets_are_still_there(tmp_path: Path) -> None:
    """It forgets its copy, not the bytes."""
    (tmp_path / "shard").mkdir()
    file = tmp_path / "shard" / "index.faiss"
    file.write_bytes(b"vectors" * 10_000)
    drop_from_page_cache(tmp_path)
    assert file.read_bytes() == b"vectors" * 10_000
