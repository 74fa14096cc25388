"""Cores are what affinity and quota leave."""

import os
from pathlib import Path

import pytest

from services.common.cores import available_cores


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process may run on four cores."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: {0, 1, 2, 5})


def test_without_a_quota_it_is_the_affinity(tmp_path: Path) -> None:
    """No cgroup file, no limit."""
    assert available_cores(tmp_path) == 4


@pytest.mark.parametrize(
    ("content", "cores"),
    [
        ("max 100000\n", 4),
        ("200000 100000\n", 2),
        ("150000 100000\n", 1),
        ("20000 100000\n", 1),
        ("900000 100000\n", 4),
    ],
)
def test_version_2_quota(tmp_path: Path, content: str, cores: int) -> None:
    """A quota is rounded down, but never to nothing, and never above the affinity."""
    (tmp_path / "cpu.max").write_text(content)
    assert available_cores(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", 4), ("300000", 3), ("50000", 1)])
def test_version_1_quota(tmp_path: Path, quota: str, cores: int) -> None:
    """The older files say the same in two numbers."""
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert available_cores(tmp_path) == cores
