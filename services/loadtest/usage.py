"""What processes of this machine use, their children included, and the whole machine: as the kernel tells."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
# Fields of /proc/<pid>/stat behind the name, which may itself hold spaces and brackets.
_PARENT, _USER, _SYSTEM, _USER_OF_DEAD, _SYSTEM_OF_DEAD, _RESIDENT = 1, 11, 12, 13, 14, 21
# Fields of the first line of /proc/stat behind its name: user, nice, system and stolen time is somebody's. The guests'
# behind them is in user's already.
_TAKEN, _ALL = (0, 1, 2, 7), slice(0, 8)


@dataclass(frozen=True, slots=True)
class Use:
    """What a process and all below it have used.

    Attributes:
        cpu_seconds: since they began; also of children that have ended and were waited for.
        memory_bytes: resident now; pages that several share count for each.
    """

    cpu_seconds: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class MachineTime:
    """Processor time of all cores together, seconds since the machine started.

    Attributes:
        taken: by programs, and by other machines on the same hardware (steal); interrupts are nobody's.
        total: that there was, idle time included.
    """

    taken: float
    total: float


def machine_time(proc: Path = Path("/proc")) -> MachineTime | None:
    """Return what the whole machine has used; None where no kernel tells.

    Args:
        proc: where the kernel tells.
    """
    try:
        with (proc / "stat").open(encoding="ascii") as lines:
            ticks = [int(word) for word in next(lines).split()[1:]]
    except (OSError, StopIteration):
        return None
    return MachineTime(sum(ticks[place] for place in _TAKEN) / _TICKS, sum(ticks[_ALL]) / _TICKS)


def use_of(pids: Mapping[str, int], proc: Path = Path("/proc")) -> dict[str, Use]:
    """Return what each named process and those below it use; one that has ended is left out.

    Args:
        pids: process ids by name.
        proc: where the kernel tells.
    """
    stats = dict(_stats(proc))
    below: dict[int, list[int]] = {}
    for pid, fields in stats.items():
        below.setdefault(int(fields[_PARENT]), []).append(pid)
    return {name: _sum(stats[each] for each in _tree(pid, below)) for name, pid in pids.items() if pid in stats}


def _stats(proc: Path) -> Iterable[tuple[int, list[str]]]:
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it ended between the two looks
                continue


def _tree(pid: int, below: Mapping[int, list[int]]) -> Iterable[int]:
    yield pid
    for child in below.get(pid, ()):
        yield from _tree(child, below)


def _sum(stats: Iterable[list[str]]) -> Use:
    seconds, memory = 0.0, 0
    for fields in stats:
        seconds += sum(int(fields[place]) for place in (_USER, _SYSTEM, _USER_OF_DEAD, _SYSTEM_OF_DEAD)) / _TICKS
        memory += int(fields[_RESIDENT]) * _PAGE
    return Use(seconds, memory)
