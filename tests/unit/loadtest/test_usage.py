"""What processes use, against what a process knows of itself, and made-up files."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.loadtest.consumption import Sample, by_second, cores, others, others_by_second, usages
from services.loadtest.usage import MachineTime, Use, machine_time, use_of

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
    """A process that was started again counts from there; a second without a look has the mean around it."""
    samples = [_sample(0.0, 10.0), _sample(1.0, 10.5), _sample(2.0, 0.0), _sample(4.0, 1.0)]
    assert cores(samples, lambda sample: sample.server_seconds) == pytest.approx(1.5 / 4)
    assert by_second(samples, lambda sample: sample.server_seconds) == {0: 0.5, 1: 0.0, 2: 0.5, 3: 0.5}
    assert cores(samples[:1], lambda sample: sample.server_seconds) == 0.0


def test_memory_is_told_at_its_ends_and_its_most() -> None:
    """What grows is seen."""
    [usage] = usages([_sample(0, 0, 100), _sample(1, 1, 180), _sample(2, 2, 150)], {"gateway": 7, "never": 8})
    assert (usage.memory_mb_start, usage.memory_mb_max, usage.memory_mb_end) == (100.0, 180.0, 150.0)


def test_the_whole_machine_is_told(tmp_path: Path) -> None:
    """User, nice, system and stolen time is somebody's; waiting and interrupts are nobody's, guests are in user."""
    (tmp_path / "stat").write_text("cpu  100 20 30 400 50 6 7 80 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n")
    ticks = os.sysconf("SC_CLK_TCK")
    assert machine_time(tmp_path) == MachineTime(230 / ticks, 693 / ticks)
    assert machine_time(tmp_path / "nowhere") is None


def test_the_kernel_knows_of_work_that_nobody_named() -> None:
    """A core is kept busy for a while, and the whole machine's time grows by that at least."""
    before = machine_time()
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.5: pass"], check=True)
    after = machine_time()
    assert before is not None
    assert after is not None
    assert after.total >= after.taken
    assert after.taken - before.taken >= 0.4


def _machine_sample(at: int, busy: float, *, senders: bool = True, server: bool = True) -> Sample:
    """Return a look at two cores, of which the server uses a half, the sender a tenth and the run's process a tenth."""
    return Sample(
        float(at),
        {"gateway": Use(5.0 + 0.5 * at, 1)} if server else {},
        {"sender 0": Use(1.0 + 0.1 * at, 1)} if senders else {},
        0.1 * at,
        MachineTime(100.0 + busy * at, 900.0 + 2.0 * at),
    )


def test_others_used_what_nobody_known_did() -> None:
    """1.5 of two cores were busy, and 0.7 are known."""
    samples = [_machine_sample(at, 1.5) for at in range(5)]
    told = others(samples)
    assert told is not None
    assert [told.cores, told.machine_share] == pytest.approx([0.8, 0.4])
    assert others_by_second(samples) == pytest.approx(dict.fromkeys(range(4), 0.8))


def test_a_sender_that_ended_was_nobody_else() -> None:
    """The time that it takes along is not counted as that of others."""
    samples = [_machine_sample(at, 0.7, senders=at < 3) for at in range(5)]
    told = others(samples)
    assert told is not None
    assert told.cores <= 0.051


def test_others_are_not_known_where_the_server_is_not() -> None:
    """What it uses can't be told from what they use."""
    assert others([_machine_sample(at, 1.5, server=False) for at in range(5)]) is None
    assert others_by_second([_machine_sample(at, 1.5, server=False) for at in range(5)]) == {}
    assert others([_machine_sample(0, 1.5)]) is None
