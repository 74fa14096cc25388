"""How many pieces of work to do at once, found by what each takes when more of them are. Pure.

The idea is TCP Vegas' (Brakmo and Peterson, 1995), as Netflix's concurrency-limits turned it on services in 2018: work
that takes longer than it needs is waiting for others, so fewer should be let in. What it needs is measured as BBR does
(Cardwell et al., 2016): now and then, for a moment, only as many are let in as can run at once. A minimum of the past
would not notice a slower machine, and a slowly rising one would take overload for normal.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class LimitRules:
    """What the limit keeps to.

    Attributes:
        least: as many can run at once without waiting for each other, at least 1: the cores.
        most: the limit is never above it.
        tolerance: how many times as long as alone work may take before fewer are let in.
        window_seconds: how much is looked at before the limit is moved.
        probe_every_seconds: how old the measure of what work needs may become.
        probe_seconds: how long only `least` are let in to measure it, and twice as long at most, when little comes.
    """

    least: int
    most: int
    tolerance: float = 1.5
    window_seconds: float = 0.25
    probe_every_seconds: float = 10.0
    probe_seconds: float = 0.5


_SMALLEST_WINDOW = 8
_LEAST_GRADIENT = 0.5
_BACK_OFF = 0.9
_BACK_OFF_IN_VAIN = 0.5
"""When nothing at all was finished since the last time: what is let in keeps all of itself from its end."""


class ConcurrencyLimit:
    """The limit, which moves as work finishes."""

    def __init__(self, rules: LimitRules) -> None:
        """Begin in the middle: nothing is known yet."""
        self._rules = rules
        self._limit = float(min(rules.most, 4 * rules.least))
        self._alone: float | None = None
        self._alone_at = float("-inf")
        self._probe_began: float | None = None
        self._window: list[float] = []
        self._window_began: float | None = None
        self._most_in_flight = 0
        self._backed_off_at = float("-inf")
        self._finished_since = True

    @property
    def alone(self) -> float | None:
        """What work takes when it need not wait for other work, seconds; None as long as that is not known."""
        return self._alone

    @property
    def limit(self) -> int:
        """How many may be in work now, from `least` to `most`."""
        return self._rules.least if self._probe_began is not None else int(self._limit)

    @property
    def is_measuring(self) -> bool:
        """Whether fewer are let in than could be, to see what work takes alone."""
        return self._probe_began is not None

    def finished(self, now: float, seconds: float, in_flight: int) -> None:
        """Note that a piece of work is done.

        Args:
            now: the clock's reading, seconds.
            seconds: what it took, waiting for its turn apart.
            in_flight: how many were in work, itself included.
        """
        self._finished_since = True
        if self._probe_began is not None:
            self._probed(now, seconds)
            return
        if self._window_began is None:
            self._window_began = now
        self._window.append(seconds)
        self._most_in_flight = max(self._most_in_flight, in_flight)
        if now - self._window_began >= self._rules.window_seconds and len(self._window) >= _SMALLEST_WINDOW:
            self._move(now)

    def refused_below(self, now: float) -> None:
        """Note that work ended because something further down was too full or too late for it."""
        if now - self._backed_off_at < self._rules.window_seconds:  # a hundred at once are one event
            return
        factor = _BACK_OFF if self._finished_since else _BACK_OFF_IN_VAIN
        self._limit = max(float(self._rules.least), self._limit * factor)
        self._backed_off_at, self._finished_since = now, False

    def progressed(self) -> None:
        """Note that something was finished that says nothing about what work takes."""
        self._finished_since = True

    def passed(self, now: float) -> None:
        """Note that time has passed: measuring ends, with what little was finished."""
        if self._probe_began is not None and now - self._probe_began >= 2 * self._rules.probe_seconds:
            self._end_probe(now)

    def _move(self, now: float) -> None:
        typical = float(np.median(self._window))
        if self._most_in_flight <= self._rules.least:
            self._alone, self._alone_at = typical, now
        if self._alone is not None:
            gradient = min(1.0, max(_LEAST_GRADIENT, self._rules.tolerance * self._alone / typical))
            room = np.sqrt(self._limit) if self._most_in_flight >= 0.8 * int(self._limit) else 0.0
            aim = self._limit * gradient + room
            self._limit = float(np.clip((self._limit + aim) / 2, self._rules.least, self._rules.most))
        if now - self._alone_at > self._rules.probe_every_seconds:
            self._probe_began = now
        self._begin_window()

    def _probed(self, now: float, seconds: float) -> None:
        assert self._probe_began is not None
        drained = self._probe_began + self._rules.probe_seconds / 2
        if now - seconds >= drained:  # it began when those before it were gone
            self._window.append(seconds)
        if now >= self._probe_began + self._rules.probe_seconds and len(self._window) >= _SMALLEST_WINDOW:
            self._end_probe(now)

    def _end_probe(self, now: float) -> None:
        if self._window:
            self._alone = float(np.median(self._window))
        self._probe_began, self._alone_at = None, now
        self._begin_window()

    def _begin_window(self) -> None:
        self._window.clear()
        self._window_began = None
        self._most_in_flight = 0
