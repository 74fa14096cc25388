"""Whether a long run ends as it began: memory, tail latency and errors, from its load test's report. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean

from services.benchmarks.speed import promise
from services.benchmarks.targets import Target
from services.common.errors import Internal
from services.loadtest.histogram import Histogram
from services.loadtest.schema import Report, Second

_EDGE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Change:
    """A figure at the end of a run and at its beginning.

    Attributes:
        first: of the first five minutes, or of the first half of a shorter run.
        last: of the last five minutes, or of the second half.
    """

    first: float
    last: float

    @property
    def ratio(self) -> float:
        """The end to the beginning."""
        return self.last / self.first


@dataclass(frozen=True, slots=True)
class Soak:
    """A long run.

    Attributes:
        minutes: how long it was: less than was asked for when it was interrupted.
        photos_per_second: that were sent.
        memory_mb: mean over the time, of all processes of a kind together: gateway, searcher and triton.
        p99_ms: of all answers of the time.
        errors: photos that got no answer, refused ones among them.
        doubts: why the load generator does not vouch for the run; None when it does.
    """

    minutes: float
    photos_per_second: float
    memory_mb: Mapping[str, Change]
    p99_ms: Change
    errors: int
    doubts: str | None

    def target(self) -> Target:
        """Return its row of the promise."""
        memory = {kind: change.ratio for kind, change in self.memory_mb.items()}
        return promise.soak_target(
            self.minutes, memory, self.p99_ms.ratio, self.errors, not_vouched_for=int(self.doubts is not None)
        )


def soak_of(report: Report) -> Soak:
    """Return how a run ended.

    Args:
        report: of the run, with processes whose names begin with their kind, as `searcher-bag`.

    Raises:
        Internal: nothing is known of the server's processes, or no photo was answered in its first or second half.
    """
    edge = _edge(len(report.seconds))
    first, last = _p99_ms(report.seconds[:edge]), _p99_ms(report.seconds[-edge:])
    kinds: dict[str, list[Sequence[float]]] = {}
    for process in report.server.processes:
        kinds.setdefault(process.name.partition("-")[0], []).append(process.memory_mb)
    if not kinds or not first or not last:
        raise Internal("a long run of unknown processes, or without answers, says nothing about its end")
    return Soak(
        minutes=report.duration_seconds / 60,
        photos_per_second=report.achieved_rps,
        memory_mb={kind: _change(processes) for kind, processes in kinds.items()},
        p99_ms=Change(first, last),
        errors=report.outcomes.shed + report.outcomes.error,
        doubts=report.invalid_reason,
    )


def _change(processes: Sequence[Sequence[float]]) -> Change:
    """Return the sum over processes of what each kept in memory, on average over the first and the last minutes."""
    sums = [Change(mean(seen[:edge]), mean(seen[-edge:])) for seen in processes for edge in [_edge(len(seen))]]
    return Change(sum(each.first for each in sums), sum(each.last for each in sums))


def _edge(seconds: int) -> int:
    """Return how many of them, once a second, are the beginning, and the end."""
    return max(1, min(_EDGE_SECONDS, seconds // 2))


def _p99_ms(seconds: Sequence[Second]) -> float:
    together = Histogram()
    for second in seconds:
        together.add(Histogram.decode(second.latency_histogram))
    return together.quantile_ms(0.99)
