"""Service level objectives: bounds of a run's figures, such as `p99_ms=250,error_share=0.001`. Pure."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.client.types import Rung
from services.common.errors import SettingsInvalid
from services.loadtest.tally import Outcome, Tally

QUANTILES: Final[Mapping[str, float]] = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}
"""The quantiles of latency that are reported, by name."""


def _latency(quantile: float) -> Callable[[Tally], float]:
    return lambda tally: tally.latency.quantile_ms(quantile) if tally.answers else math.inf


FIGURES: Final[Mapping[str, Callable[[Tally], float]]] = {
    **{f"{name}_ms": _latency(quantile) for name, quantile in QUANTILES.items()},
    "max_ms": _latency(1.0),
    # A refused photo has no answer, whoever meant well: else the best way to keep an objective were to refuse.
    "error_share": lambda tally: tally.share(Outcome.ERROR, Outcome.SHED),
    "shed_share": lambda tally: tally.share(Outcome.SHED),
    "partial_share": lambda tally: tally.share(Outcome.PARTIAL),
    # Deeper rungs search less by plan: such an answer need not be partial.
    "degraded_share": lambda tally: (tally.answers - tally.rungs[Rung.FULL]) / max(1, tally.answers),
    "goodput_share": lambda tally: tally.in_time / max(1, tally.photos),
    "coverage": lambda tally: tally.coverage / max(1, tally.answers),
}
"""What may be bounded, by name, and how it is found."""
_AT_LEAST: Final = frozenset({"goodput_share", "coverage"})


@dataclass(frozen=True, slots=True)
class Bound:
    """One figure and its limit, which it must not exceed, or must reach when it is one of those that should be high."""

    name: str
    limit: float

    @property
    def at_least(self) -> bool:
        """Whether the limit is the least."""
        return self.name in _AT_LEAST

    @property
    def quantile(self) -> float | None:
        """The quantile of latency that is bounded; None for another figure."""
        return QUANTILES.get(self.name.removesuffix("_ms"))

    def value(self, tally: Tally) -> float:
        """Return the figure; infinite for the latency of no answers."""
        return FIGURES[self.name](tally)

    def kept(self, tally: Tally) -> bool:
        """Return whether the limit is kept."""
        value = self.value(tally)
        return value >= self.limit if self.at_least else value <= self.limit


Slo = tuple[Bound, ...]
"""All bounds of an objective; none is an objective that everything keeps."""


def parse_slo(text: str) -> Slo:
    """Read `name=limit,...`; empty text is no objective.

    Raises:
        SettingsInvalid: an unknown figure, or what is no number; the message says which there are.
    """
    bounds = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, limit = (word.strip() for word in part.partition("="))
        if name not in FIGURES or not equals:
            known = ", ".join(FIGURES)
            raise SettingsInvalid(f"slo: {part!r} is not name=limit with a name of {known}", field="slo")
        try:
            number = float(limit)
        except ValueError:
            number = math.nan
        if not 0 <= number < math.inf:
            raise SettingsInvalid(f"slo: {limit!r} is no limit for {name}", field="slo")
        bounds.append(Bound(name, number))
    return tuple(bounds)


def kept(slo: Slo, tally: Tally) -> bool:
    """Return whether every bound is kept."""
    return all(bound.kept(tally) for bound in slo)
