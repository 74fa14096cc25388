"""How far the service degrades when there is more to do than can be done: one rung after the other. Pure.

What costs quality is given up in the order of what it brings for its time, and refusing comes last. Each rung's quality
is measured in docs/benchmarks.
"""

from copy import copy
from dataclasses import dataclass

from services.gateway.answering.query import Rung

STEPS = (Rung.FULL, Rung.NO_EXTRAS, Rung.FEWER_SHARDS, Rung.COARSE)
"""From all there is to the least; each step does what those before it do."""
NARROWED_MASS = 0.8
"""Share of the planned mass that is searched from FEWER_SHARDS on."""


@dataclass(frozen=True, slots=True)
class LadderRules:
    """When to step down, and when up again.

    Attributes:
        pressures: for each step below the first, the pressure from which it is taken, rising, in (0, 1].
        down_seconds: least time on a rung before the next one down: what helps shows only then.
        up_seconds: how long the pressure must have been below half of what led here before the next one up.
        pinned: the rung to stay on, for measuring it; None to follow the pressure.
    """

    pressures: tuple[float, float, float] = (0.2, 0.5, 0.8)
    down_seconds: float = 0.5
    up_seconds: float = 2.0
    pinned: Rung | None = None


class Ladder:
    """Where the service stands."""

    def __init__(self, rules: LadderRules) -> None:
        """Begin at the top."""
        self._rules = rules
        self._step = 0
        self._changed_at = float("-inf")
        self._pressed_at = float("-inf")

    def rung(self, pressure: float, now: float) -> Rung:
        """Return the rung for the next answer.

        Args:
            pressure: how near people have come to a refusal of late, in [0, 1].
            now: the clock's reading, seconds.
        """
        if self._rules.pinned is not None:
            return self._rules.pinned
        pressures = self._rules.pressures
        if self._step > 0 and pressure >= self._leaves_below:
            self._pressed_at = now
        if self._step < len(pressures) and pressure >= pressures[self._step]:
            if now - self._changed_at >= self._rules.down_seconds:
                self._move(1, now)
        else:
            self._climb(pressure, now)
        return STEPS[self._step]

    def would_be(self, pressure: float, now: float) -> Rung:
        """Return what `rung` would; nothing changes."""
        return copy(self).rung(pressure, now)

    def _climb(self, pressure: float, now: float) -> None:
        """Go up, a step for each `up_seconds` of calm: nobody need have asked meanwhile."""
        calm_since = max(self._changed_at, self._pressed_at)
        while self._step > 0 and now - calm_since >= self._rules.up_seconds and pressure < self._leaves_below:
            calm_since += self._rules.up_seconds
            self._move(-1, calm_since)

    @property
    def _leaves_below(self) -> float:
        """The pressure below which it is calm enough for the next step up."""
        return self._rules.pressures[self._step - 1] / 2

    def _move(self, steps: int, at: float) -> None:
        self._step += steps
        self._changed_at = self._pressed_at = at


def has_extras(rung: Rung) -> bool:
    """Whether there are second waves, hedges and second looks on this rung."""
    return rung is Rung.FULL


def is_narrowed(rung: Rung) -> bool:
    """Whether only the likeliest of the planned shards are searched."""
    return rung in {Rung.FEWER_SHARDS, Rung.COARSE}
