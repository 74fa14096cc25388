"""What something took of late: the durations of the last seconds, their quantiles and their mean. Pure."""

from collections import deque
from collections.abc import Callable

import numpy as np

_LEAST = 10
_REFRESH = 8


class RecentTimes:
    """The last durations, none of them older than some seconds.

    Old ones are forgotten even when no new ones come: who refuses work for what it used to take must try again one day.
    """

    def __init__(self, clock: Callable[[], float], *, size: int = 256, seconds: float = 10.0) -> None:
        """Create it, empty.

        Args:
            clock: seconds, monotonic.
            size: durations that are kept, at least 10.
            seconds: how long each is kept.
        """
        self._clock = clock
        self._kept: deque[tuple[float, float]] = deque(maxlen=size)
        self._seconds = seconds
        self._known: dict[float, float] = {}
        self._changes = 0

    def add(self, seconds: float) -> None:
        """Note a duration, seconds."""
        self._kept.append((self._clock(), seconds))
        self._changed()

    def quantile(self, share: float) -> float | None:
        """Return the duration that a share of them, in [0, 1], do not exceed; None for fewer than ten.

        It is computed anew after every eighth change.
        """
        self._forget()
        if len(self._kept) < _LEAST:
            return None
        if share not in self._known:
            self._known[share] = float(np.quantile([seconds for _, seconds in self._kept], share))
        return self._known[share]

    @property
    def median(self) -> float | None:
        """What half of them do not exceed, seconds; None for fewer than ten."""
        return self.quantile(0.5)

    @property
    def mean(self) -> float | None:
        """Their mean, seconds; None for fewer than ten."""
        self._forget()
        return float(np.mean([seconds for _, seconds in self._kept])) if len(self._kept) >= _LEAST else None

    def _forget(self) -> None:
        oldest = self._clock() - self._seconds
        while self._kept and self._kept[0][0] < oldest:
            self._kept.popleft()
            self._changed()

    def _changed(self) -> None:
        self._changes += 1
        if self._changes % _REFRESH == 0:
            self._known.clear()
