"""Whether two runs differ, or their difference may be chance: a bootstrap over time. Pure.

A second of a run is not independent of the one before it: garbage is collected, a neighbour is busy. So blocks of
seconds in a row are drawn, with replacement, until they make a run as long as the one that was measured; the figures
of many such runs tell how far the figures of this one can be trusted (the circular block bootstrap: Politis and
Romano, 1992). Blocks of the square root of the run's seconds are long against what slow spells we have seen, and few,
so the interval is stretched as Student's t is against the normal distribution. Each report is drawn from on its own,
for the seconds of two runs are no pairs.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isqrt
from statistics import NormalDist
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from services.common.errors import InvalidArgument
from services.loadtest.histogram import Histogram, quantiles_ms
from services.loadtest.schema import Report, Second
from services.loadtest.slo import QUANTILES
from services.loadtest.verdict import enough

CONFIDENCE: Final = 0.99
"""Of each interval: with a dozen figures side by side, 95 % would call chance a difference every other time."""

_LEAST_SECONDS: Final = 20
_DRAWS: Final = 1000
_DRAWS_AT_ONCE: Final = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of both runs.

    Attributes:
        name: of the figure.
        first, second: its values.
        low, high: between which the second's value minus the first's lies, with 99 % confidence.
        higher_is_better: what the figure is.
    """

    name: str
    first: float
    second: float
    low: float
    high: float
    higher_is_better: bool

    @property
    def is_real(self) -> bool:
        """Whether no difference at all is out of the question."""
        return self.low > 0 or self.high < 0

    @property
    def is_better(self) -> bool:
        """Whether the second is better; only says something when the difference is real."""
        return (self.second > self.first) == self.higher_is_better


def compare(first: Report, second: Report, seed: int = 20) -> list[Difference]:
    """Return each figure that both reports have.

    Args:
        first: the report of one run.
        second: that of the other.
        seed: decides the draws.

    Raises:
        InvalidArgument: a run is shorter than 20 seconds: it holds too few blocks to draw from.
    """
    drawn = [_Drawn.of(report, name, seed + place) for place, (name, report) in enumerate(_named(first, second))]
    differences = []
    for name, figure in _figures().items():
        values = [figure(each) for each in drawn]
        if all(value is not None for value in values):
            one, two = (value for value in values if value is not None)
            low, high = _interval(two - one, min(len(report.seconds) for report in (first, second)))
            better = name in _HIGHER_IS_BETTER
            differences.append(Difference(name, float(one[0]), float(two[0]), low, high, better))
    return differences


def remarks(first: Report, second: Report) -> list[str]:
    """Return what makes the two runs hard to compare; nothing when nothing does."""
    told = [
        f"{name} can't be vouched for: {report.invalid_reason}"
        for name, report in _named(first, second)
        if not report.valid
    ]
    same: Mapping[str, Callable[[Report], object]] = {
        "they ran on other machines": lambda report: f"{report.machine.cpu} with {report.machine.cores} cores",
        "they searched other snapshots": lambda report: report.server.snapshot_id,
    }
    told += [f"{words}: {of(first)}, and {of(second)}" for words, of in same.items() if of(first) != of(second)]
    sent = _sent_otherwise(first.scenario, second.scenario)
    return [*told, f"what was sent differs: {'; '.join(sent)}"] if sent else told


def _sent_otherwise(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[str]:
    """Return each key of two scenarios that differs, with both values; name and seed make no difference."""
    one, two = (dict(_leaves({**each, "name": "", "seed": 0}, "")) for each in (first, second))
    return [
        f"{key} {one.get(key, 'missing')}, and {two.get(key, 'missing')}"
        for key in {**one, **two}
        if one.get(key) != two.get(key)
    ]


def _leaves(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(below, f"{path}.{key}" if path else key)
    elif isinstance(value, list | tuple):
        for place, below in enumerate(value, 1):
            yield from _leaves(below, f"{path}[{place}]")
    else:
        yield path, value


@dataclass(frozen=True)
class _Drawn:
    """A run, and runs drawn from it.

    Attributes:
        answers: in the run itself.
        milliseconds: the latencies that occur `(n,)`.
        counts: how often, `(1 + draws, n)`; the first row is the run itself.
        sums: by name, the sum over the seconds `(1 + draws,)`.
        seconds: its length.
    """

    answers: int
    milliseconds: Floats
    counts: Floats
    sums: Mapping[str, Floats]
    seconds: float

    @classmethod
    def of(cls, report: Report, name: str, seed: int) -> Self:
        length = len(report.seconds)
        if length < _LEAST_SECONDS:
            raise InvalidArgument(f"{name} is a run of {length} s: to compare, run for {_LEAST_SECONDS} s at least")
        weights = np.vstack([np.ones(length), block_weights(length, _DRAWS, seed)])
        milliseconds, table = _table(report.seconds)
        counts = np.vstack([weights[at : at + _DRAWS_AT_ONCE] @ table for at in range(0, len(weights), _DRAWS_AT_ONCE)])
        sums = {key: weights @ np.array([of(each) for each in report.seconds]) for key, of in _SUMS.items()}
        return cls(int(table.sum()), milliseconds, counts, sums, report.duration_seconds)

    def latency(self, quantile: float) -> Floats | None:
        """Return a quantile of each draw; None where the run has too few answers for it."""
        if not enough(self.answers, quantile):
            return None
        return quantiles_ms(self.milliseconds, self.counts, quantile)

    def ratio(self, above: str, below: str) -> Floats | None:
        """Return the ratio of two sums; None where there is nothing below."""
        if not self.sums[below].all():
            return None
        return self.sums[above] / self.sums[below]

    def rate(self, name: str) -> Floats:
        """Return a sum a second."""
        return self.sums[name] / self.seconds


def block_weights(length: int, draws: int, seed: int) -> Floats:
    """Return how often each second is in each drawn run, float64 `(draws, length)`; every row adds up to `length`."""
    block = isqrt(length)
    blocks = -(-length // block)
    rng = np.random.default_rng(seed)
    starts = rng.integers(length, size=(draws, blocks))
    places = (starts[:, :, None] + np.arange(block)) % length
    places = places.reshape(draws, -1)[:, :length]
    weights = np.zeros((draws, length))
    np.add.at(weights, (np.arange(draws)[:, None], places), 1.0)
    return weights


def _interval(differences: Floats, length: int) -> tuple[float, float]:
    """Return the ends between which a difference lies; the first one is that of the runs as they were."""
    tail = (1 - CONFIDENCE) / 2
    seen = float(differences[0])
    low, high = np.quantile(differences[1:], (tail, 1 - tail))
    stretched = _stretch(length // isqrt(length) - 1)
    return seen + stretched * (float(low) - seen), seen + stretched * (float(high) - seen)


def _stretch(degrees: int) -> float:
    """Return how much wider Student's t is than the normal distribution (Abramowitz and Stegun, 26.7.5)."""
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    first, second = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return (z + first / degrees + second / degrees**2) / z


def _table(seconds: Sequence[Second]) -> tuple[Floats, Floats]:
    """Return the latencies that occur `(n,)`, and how often in each second `(seconds, n)`."""
    bins = [Histogram.decode(second.latency_histogram).bins() for second in seconds]
    occurring = np.unique(np.concatenate([milliseconds for milliseconds, _ in bins]))
    table = np.zeros((len(seconds), len(occurring)))
    for row, (milliseconds, counts) in zip(table, bins, strict=True):
        row[np.searchsorted(occurring, milliseconds)] = counts
    return occurring, table


_SUMS: Final[Mapping[str, Callable[[Second], float]]] = {
    "photos": lambda each: sum(each.outcomes.model_dump().values()),
    "answers": lambda each: each.outcomes.ok + each.outcomes.partial,
    "in_time": lambda each: each.in_time,
    "partial": lambda each: each.outcomes.partial,
    "shed": lambda each: each.outcomes.shed,
    "error": lambda each: each.outcomes.error,
    "coverage": lambda each: each.coverage,
    "recall_queries": lambda each: each.recall_queries,
    "recall_at_1": lambda each: each.recall_at_1,
    "server_ms": lambda each: 1000 * (each.server_cores or 0.0),
}

_HIGHER_IS_BETTER: Final = frozenset({"goodput_rps", "goodput_share", "coverage", "recall_at_1"})


def _figures() -> Mapping[str, Callable[[_Drawn], Floats | None]]:
    def latency(quantile: float) -> Callable[[_Drawn], Floats | None]:
        return lambda drawn: drawn.latency(quantile)

    def ratio(above: str, below: str) -> Callable[[_Drawn], Floats | None]:
        return lambda drawn: drawn.ratio(above, below)

    return {
        **{f"{name}_ms": latency(quantile) for name, quantile in QUANTILES.items()},
        "goodput_rps": lambda drawn: drawn.rate("in_time"),
        "goodput_share": ratio("in_time", "photos"),
        "partial_share": ratio("partial", "photos"),
        "shed_share": ratio("shed", "photos"),
        "error_share": ratio("error", "photos"),
        "coverage": ratio("coverage", "answers"),
        "recall_at_1": ratio("recall_at_1", "recall_queries"),
        "server_cpu_ms_per_answer": lambda drawn: (
            drawn.ratio("server_ms", "answers") if drawn.sums["server_ms"].any() else None
        ),
    }


def _named(first: Report, second: Report) -> tuple[tuple[str, Report], tuple[str, Report]]:
    return ("the first run", first), ("the second run", second)
