"""A process's memory once it has loaded: in a process of its own, for it is the process's."""

import platform
import subprocess
import sys

import pytest

_BUFFERS = """
import resource

from services.common.heap import settle_heap


def faults() -> int:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(500):
        buffers = [bytes(150_000) for _ in range(8)]
        del buffers
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


settles = {settles}
if settles:
    settle_heap()
faults()
print(faults())
"""
_FREED = """
import resource
from pathlib import Path

from services.common.heap import settle_heap


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


loaded = [bytes(1_000) for _ in range(100_000)]
kept = loaded[::1_000]
del loaded
before = resident()
settle_heap()
print(before, resident())
"""

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="these are knobs of glibc")


def _figures(program: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    return [int(word) for word in done.stdout.split()]


def test_the_buffers_of_a_photo_are_kept_for_the_next_one() -> None:
    """Each time that they are taken anew, the system has to fill them with zeros, page by page."""
    [before], [after] = (_figures(_BUFFERS.format(settles=settles)) for settles in (False, True))
    assert before > 10_000
    assert after < before / 100


def test_what_loading_left_behind_goes_back_to_the_system() -> None:
    """Of 100 MB little is kept, but here and there; the rest can't be given back from its end."""
    before, after = _figures(_FREED)
    assert before - after > 50_000_000
