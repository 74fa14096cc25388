"""How many cores and how much memory everybody used in a run, from what was seen once a second. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.loadtest.schema import Usage
from services.loadtest.usage import Use

_MB = 1e6


@dataclass(frozen=True, slots=True)
class Sample:
    """What everybody had used at a time.

    Attributes:
        at: seconds from the start.
        server, senders: by name; without those that have ended.
        own: processor seconds of the process that plans, listens and shows progress.
    """

    at: float
    server: Mapping[str, Use]
    senders: Mapping[str, Use]
    own: float

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
    """Return the cores that were used in each second that was seen."""
    return {
        round(before.at): max(0.0, seconds_of(after) - seconds_of(before)) / (after.at - before.at)
        for before, after in _pairs(samples)
        if after.at > before.at
    }


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
                )
            )
    return told


def _of_server(name: str) -> Callable[[Sample], float]:
    return lambda sample: sample.server[name].cpu_seconds


def _of_sender(name: str) -> Callable[[Sample], float]:
    return lambda sample: sample.senders[name].cpu_seconds


def _with(samples: Iterable[Sample], name: str) -> list[Sample]:
    return [sample for sample in samples if name in sample.senders]


def _pairs(samples: Sequence[Sample]) -> Iterable[tuple[Sample, Sample]]:
    return pairwise(samples)
