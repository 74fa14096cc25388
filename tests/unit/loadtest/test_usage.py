"""What processes use, against what a process knows of itself, and made-up files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.loadtest.consumption import Sample, by_second, cores, usages
from services.loadtest.usage import Use, use_of

_STAT = "{pid} (a (strange) name) S {parent} 1 1 0 -1 0 0 0 0 0 {user} {system} 5 5 20 0 1 0 100 1000 {pages} 0\n"


def _process(proc: Path, pid: int, parent: int, *, user: int, pages: int) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(_STAT.format(pid=pid, parent=parent, user=user, system=10, pages=pages))


def test_children_are_their_parents(tmp_path: Path) -> None:
    """Of a Triton with its backends, all is told; who has ended is left out, and names may hold brackets."""
    _process(tmp_path, 10, 1, user=100, pages=3)
    _process(tmp_path, 11, 10, user=200, pages=4)
    _process(tmp_path, 12, 11, user=300, pages=5)
    _process(tmp_path, 20, 1, user=999, pages=9)
    (tmp_path / "self").mkdir()
    used = use_of({"triton": 10, "gone": 99}, tmp_path)
    ticks = os.sysconf("SC_CLK_TCK")
    assert used.keys() == {"triton"}
    assert used["triton"].cpu_seconds == pytest.approx((100 + 200 + 300 + 3 * 20) / ticks)
    assert used["triton"].memory_bytes == 12 * os.sysconf("SC_PAGE_SIZE")


def test_a_process_uses_what_it_says() -> None:
    """The kernel's figures and the process's own are the same."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with child:
        assert child.stdout is not None
        child.stdout.readline()
        used = use_of({"child": child.pid})["child"]
        child.kill()
    assert used.cpu_seconds == pytest.approx(0.3, abs=0.15)
    assert used.memory_bytes > 1_000_000


def _sample(at: float, cpu: float, memory: int = 100) -> Sample:
    return Sample(at, {"gateway": Use(cpu, memory * 1_000_000)}, {}, 0.0)


def test_cores_are_time_used_over_time_passed() -> None:
    """And a process that was started again counts from there."""
    samples = [_sample(0.0, 10.0), _sample(1.0, 10.5), _sample(2.0, 0.0), _sample(4.0, 1.0)]
    assert cores(samples, lambda sample: sample.server_seconds) == pytest.approx(1.5 / 4)
    assert by_second(samples, lambda sample: sample.server_seconds) == {0: 0.5, 1: 0.0, 2: 0.5}
    assert cores(samples[:1], lambda sample: sample.server_seconds) == 0.0


def test_memory_is_told_at_its_ends_and_its_most() -> None:
    """What grows is seen."""
    [usage] = usages([_sample(0, 0, 100), _sample(1, 1, 180), _sample(2, 2, 150)], {"gateway": 7, "never": 8})
    assert (usage.memory_mb_start, usage.memory_mb_max, usage.memory_mb_end) == (100.0, 180.0, 150.0)
