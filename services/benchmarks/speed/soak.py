"""Whether a long run ends as it began: memory, tail latency and errors, from its load test's report. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.loadtest.histogram import Histogram
from services.loadtest.schema import Report, Second

_EDGE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Soak:
    """The end of a run to its beginning.

    Attributes:
        memory_ratio: of all processes together, at the end to the start.
        p99_ratio: of the last five minutes to the first five, or of its halves when it is shorter.
        errors: photos that got no answer, refused ones among them.
    """

    memory_ratio: float
    p99_ratio: float
    errors: int


def soak_of(report: Report) -> Soak:
    """Return how a run ended.

    Raises:
        ValueError: nothing is known of the server's processes, or no photo was answered.
    """
    processes = report.server.processes
    edge = min(_EDGE_SECONDS, len(report.seconds) // 2)
    first, last = _p99_ms(report.seconds[:edge]), _p99_ms(report.seconds[-edge:])
    if not processes or not first:
        raise ValueError("a run of unknown processes or without answers says nothing about its end")
    started = sum(each.memory_mb_start for each in processes)
    ended = sum(each.memory_mb_end for each in processes)
    return Soak(ended / started, last / first, report.outcomes.shed + report.outcomes.error)


def _p99_ms(seconds: Sequence[Second]) -> float:
    together = Histogram()
    for second in seconds:
        together.add(Histogram.decode(second.latency_histogram))
    return together.quantile_ms(0.99)
