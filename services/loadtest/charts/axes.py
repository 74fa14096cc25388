"""Scales of charts, linear and logarithmic, and their marks. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

LEFT: Final = 56.0
"""Room for the numbers of the vertical axis."""

HEIGHT: Final = 220.0
"""Of the charts over time."""

FLOOR: Final = HEIGHT - 24.0
"""Where the horizontal axis is: below are its numbers."""

TOP: Final = 12.0

_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
_MOST_MARKS: Final = 6
_NARROW_DECADES: Final = 2.5


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale from values to places; `start` may be above `end`, as it is for a vertical one."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """Return the place of a value; what lies beyond an end is put there."""
        low, high, at = (log10(each) if self.logarithmic else each for each in (self.low, self.high, self._held(value)))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    @property
    def marks(self) -> tuple[tuple[float, float], ...]:
        """The place and value of each mark."""
        values = self._powers() if self.logarithmic else self._steps()
        return tuple((self(value), value) for value in values)

    def _held(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def _steps(self) -> list[float]:
        rough = (self.high - self.low) / _MOST_MARKS
        scale = 10.0 ** floor(log10(rough))
        step = next(each * scale for each in _STEPS if each * scale >= rough * (1 - 1e-9))
        first = ceil(self.low / step - 1e-9)
        return [step * number for number in range(first, floor(self.high / step + 1e-9) + 1)]

    def _powers(self) -> list[float]:
        decades = log10(self.high / self.low)
        steps = (1.0, 2.0, 5.0) if decades < _NARROW_DECADES else (1.0,)
        exponents = range(floor(log10(self.low)), ceil(log10(self.high)) + 1)
        values = [step * 10.0**exponent for exponent in exponents for step in steps]
        return [value for value in values if self.low * (1 - 1e-9) <= value <= self.high * (1 + 1e-9)]


def upwards(low: float, high: float, *, logarithmic: bool = False) -> Axis:
    """Return a vertical axis over a chart's height, with a little room where values are equal."""
    if high <= low:
        high = low * 2 if low > 0 else low + 1
    return Axis(low, high, FLOOR, TOP, logarithmic)


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """Return an SVG path through the points; None lifts the pen."""
    words, down = list[str](), False
    for point in points:
        if point is not None:
            words.append(f"{'L' if down else 'M'}{point[0]:.1f} {point[1]:.1f}")
        down = point is not None
    return "".join(words)
