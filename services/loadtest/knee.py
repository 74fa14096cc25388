"""The knee, the highest rate that keeps an objective, and how soon the objective is kept again after too much. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final

from services.loadtest.slo import Slo, kept
from services.loadtest.tally import Tally, merged
from services.loadtest.verdict import needed_answers

_GROWTH: Final = 2.0
_MOST_STEPS: Final = 24
_SECONDS_IN_A_ROW: Final = 3
"""That must keep the objective together before the system counts as recovered."""


@dataclass
class KneeSearch:
    """Doubles the rate until the objective is missed, or halves it until it is kept; then halves the bracket.

    Attributes:
        rate: to be tried next, photos a second.
        precision: the search ends when the least missed rate is at most this share above the highest kept one.
        kept, missed: the highest rate known to keep the objective, and the least known to miss it; None while unknown.
    """

    rate: float
    precision: float
    kept: float | None = None
    missed: float | None = None
    _steps: int = 0

    @property
    def done(self) -> bool:
        """Whether the knee is known well enough, or can't be found: then `kept` or `missed` is None."""
        if self._steps >= _MOST_STEPS:
            return True
        return self.kept is not None and self.missed is not None and self.missed <= self.kept * (1 + self.precision)

    def tell(self, *, is_kept: bool) -> None:
        """Take the result of `rate`, and choose the next one."""
        self._steps += 1
        if is_kept:
            self.kept = self.rate
        else:
            self.missed = self.rate
        if self.missed is None:
            self.rate *= _GROWTH
        elif self.kept is None:
            self.rate /= _GROWTH
        else:
            self.rate = sqrt(self.kept * self.missed)


def step_seconds(rate: float, slo: Slo, least: float) -> float:
    """Return how long a rate must be tried so that the objective's quantiles can be told, and `least` at least."""
    quantiles = [bound.quantile for bound in slo if bound.quantile is not None]
    # A twentieth more than needed: random arrivals may be fewer, and some photos get no answer.
    return max([least, *(1.05 * needed_answers(quantile) / rate for quantile in quantiles)])


def recovery_seconds(by_second: Mapping[int, Tally], after: int, until: int, slo: Slo) -> float | None:
    """Return how long after an overload the objective is kept again.

    Args:
        by_second: what became of the photos of each second.
        after: the first second after the overload.
        until: the second after the last one of the run.
        slo: the objective; it must be kept by three seconds in a row, taken together.

    Returns:
        Seconds from the end of the overload; None when it is not kept again before the run ends.
    """
    for second in range(after, until - _SECONDS_IN_A_ROW + 1):
        window = merged(by_second[each] for each in range(second, second + _SECONDS_IN_A_ROW) if each in by_second)
        if window.photos and kept(slo, window):
            return float(second - after)
    return None
