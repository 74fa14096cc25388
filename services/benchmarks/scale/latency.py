"""Latencies of calls that take turns, so that whatever else runs on the machine slows all of them alike. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.evaluation.metrics import percentiles

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Latency:
    """How long calls took, in milliseconds.

    Attributes:
        p50: the median.
        p99: of a hundred calls one takes longer.
        calls: how many there were.
    """

    p50: float
    p99: float
    calls: int

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Latency":
        """Return the latency of calls that took so many seconds; at least one."""
        p50, p99 = percentiles([each * 1000 for each in seconds], (50, 99))
        return cls(p50, p99, len(seconds))


def latencies(seconds: Mapping[str, Sequence[float]]) -> dict[str, Latency]:
    """Return the latency of each way's calls."""
    return {name: Latency.of(each) for name, each in seconds.items()}


def turns(ways: Sequence[T], photo: int, rounds: int) -> Iterator[T]:
    """Yield every way once a round, for one of many photos; each way goes first as often as the others."""
    for number in range(photo, photo + rounds):
        first = number % len(ways)
        yield from (*ways[first:], *ways[:first])
