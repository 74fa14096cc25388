"""How many cores this process may really use, which is what its executors are sized by."""

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def available_cores(cgroups: Path = _CGROUPS) -> int:
    """Return the whole cores that the CPU affinity and the cgroup's quota leave to this process, at least 1.

    A container's CPU limit is a quota, not an affinity: sized by the machine's cores, a pool would be throttled in
    the middle of its work. A quota of 1.5 cores counts as one for the same reason.

    Args:
        cgroups: where the cgroup file systems are mounted; version 2 and version 1 are understood.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _quota_v2(cgroups / "cpu.max") or _quota_v1(cgroups / "cpu")
    return max(1, affinity if quota is None else min(affinity, int(quota)))


def _quota_v2(path: Path) -> float | None:
    """Return cores from `cpu.max`, "<quota or max> <period>", or None when there is no limit."""
    words = _read(path).split()
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0] != "max" else None  # noqa: PLR2004


def _quota_v1(folder: Path) -> float | None:
    """Return cores from `cpu.cfs_quota_us`, where -1 means no limit, or None."""
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
