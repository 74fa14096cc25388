"""What this machine has to give."""

from pathlib import Path

import pytest

from services.cli.supervising.machine import available_bytes

MEMINFO = "MemTotal: 9000 kB\nMemFree: 1000 kB\nMemAvailable: 4000 kB\n"


@pytest.mark.parametrize(
    ("limit", "used", "expected"),
    [
        (None, 0, 4_096_000),
        ("max", 5, 4_096_000),
        ("3000000", 1_000_000, 2_000_000),
        ("9000000", 0, 4_096_000),
        ("5", 9, 0),
    ],
)
def test_the_tighter_limit_counts(tmp_path: Path, limit: str | None, used: int, expected: int) -> None:
    """What the machine has free, and no more than the cgroup leaves; without a cgroup, the machine alone."""
    (tmp_path / "meminfo").write_text(MEMINFO)
    if limit is not None:
        (tmp_path / "memory.max").write_text(f"{limit}\n")
        (tmp_path / "memory.current").write_text(f"{used}\n")
    assert available_bytes(tmp_path / "meminfo", tmp_path) == expected
