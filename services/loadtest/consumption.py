"""How many cores and how much memory everybody used in a run, from what was seen once a second. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.loadtest.schema import Others, Usage
from services.loadtest.usage import MachineTime, Use

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Sample:
    """What everybody had used at a time.

    Attributes:
        at: seconds from the start.
        server, senders: by name; without those that have ended.
        own: processor seconds of the process that plans, listens and shows progress.
        machine: what the whole machine had used; None where no kernel tells.
    """

    at: float
    server: Mapping[str, Use]
    senders: Mapping[str, Use]
    own: float
    machine: MachineTime | None = None

    @property
    def server_seconds(self) -> float:
        """Processor time of all processes of the server."""
        return sum(use.cpu_seconds for use in self.server.values())

    @property
    def client_seconds(self) -> float:
        """Processor time of all processes of the load generator."""
        return self.own + sum(use.cpu_seconds for use in self.senders.values())


def cores(samples: Sequence[Sample], seconds_of: Callable[[Sample], float]) -> float:
    """Return the cores that were used between the first and the last sample; 0 for less than two samples.

    A process that ended in between took its time with it, so a sum that shrinks counts only what it grew by.
    """
    spans = [(after.at - before.at, seconds_of(after) - seconds_of(before)) for before, after in _pairs(samples)]
    time = sum(span for span, _ in spans)
    return sum(max(0.0, used) for _, used in spans) / time if time else 0.0


def by_second(samples: Sequence[Sample], seconds_of: Callable[[Sample], float]) -> dict[int, float]:
    """Return the cores that were used in each second; one that nobody looked into has the mean of those around it."""
    return _spread(samples, lambda before, after: seconds_of(after) - seconds_of(before))


def busiest_sender(samples: Sequence[Sample]) -> float:
    """Return the cores that the busiest sender used: more than one it can't."""
    names = {name for sample in samples for name in sample.senders}
    return max((cores(_with(samples, name), _of_sender(name)) for name in names), default=0.0)


def usages(samples: Sequence[Sample], pids: Mapping[str, int]) -> list[Usage]:
    """Return what each process of the server used; those that were never seen are left out."""
    told = []
    for name, pid in pids.items():
        seen = [sample for sample in samples if name in sample.server]
        if seen:
            memory = [sample.server[name].memory_bytes / _MB for sample in seen]
            told.append(
                Usage(
                    name=name,
                    pid=pid,
                    cores=cores(seen, _of_server(name)),
                    memory_mb_start=memory[0],
                    memory_mb_max=max(memory),
                    memory_mb_end=memory[-1],
                    memory_mb=tuple(memory),
                )
            )
    return told


def others(samples: Sequence[Sample]) -> Others | None:
    """Return what programs besides the server and the load generator used; None where one of the three is not known."""
    pairs = list(_pairs(_whole(samples)))
    total = sum(_grown(before, after, lambda machine: machine.total) for before, after in pairs)
    if not total:
        return None
    # Second by second the kernel's two accounts differ by a few ticks either way, which must not add up.
    used = max(0.0, sum(_by_others(before, after) for before, after in pairs))
    return Others(cores=used / sum(after.at - before.at for before, after in pairs), machine_share=used / total)


def others_by_second(samples: Sequence[Sample]) -> dict[int, float]:
    """Return the cores that others used in each second; nothing where that is not known."""
    return _spread(_whole(samples), _by_others)


def _whole(samples: Iterable[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.machine is not None and sample.server]


def _by_others(before: Sample, after: Sample) -> float:
    """Return the processor seconds that nobody known used: a process that has ended takes nobody's time with it."""
    known = after.own - before.own
    for earlier, later in ((before.server, after.server), (before.senders, after.senders)):
        known += sum(later[name].cpu_seconds - earlier[name].cpu_seconds for name in earlier.keys() & later.keys())
    return _grown(before, after, lambda machine: machine.taken) - known


def _grown(before: Sample, after: Sample, seconds_of: Callable[[MachineTime], float]) -> float:
    assert before.machine is not None
    assert after.machine is not None
    return seconds_of(after.machine) - seconds_of(before.machine)


def _spread(samples: Sequence[Sample], used: Callable[[Sample, Sample], float]) -> dict[int, float]:
    """Return the cores of each second, of the processor seconds that were used between two looks."""
    return {
        second: max(0.0, used(before, after)) / (after.at - before.at)
        for before, after in _pairs(samples)
        if after.at > before.at
        for second in range(round(before.at), max(round(after.at), round(before.at) + 1))
    }


def _of_server(name: str) -> Callable[[Sample], float]:
    return lambda sample: sample.server[name].cpu_seconds


def _of_sender(name: str) -> Callable[[Sample], float]:
    return lambda sample: sample.senders[name].cpu_seconds


def _with(samples: Iterable[Sample], name: str) -> list[Sample]:
    return [sample for sample in samples if name in sample.senders]


def _pairs(samples: Sequence[Sample]) -> Iterable[tuple[Sample, Sample]]:
    return pairwise(samples)
