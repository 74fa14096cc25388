"""What something took of late: the durations of the last seconds, their quantiles and their mean. Pure."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from math import floor

_LEAST = 10


class RecentTimes:
    """The last durations, none of them older than some seconds.

    Old ones are forgotten even when no new ones come: who refuses work for what it used to take must try again one day.
    They are kept in order, too, for a quantile is asked for several times in each answer's way.
    """

    def __init__(self, clock: Callable[[], float], *, size: int = 256, seconds: float = 10.0) -> None:
        """Create it, empty.

        Args:
            clock: seconds, monotonic.
            size: durations that are kept, at least 10.
            seconds: how long each is kept.
        """
        self._clock = clock
        self._kept: deque[tuple[float, float]] = deque()
        self._in_order: list[float] = []
        self._size = size
        self._seconds = seconds

    def add(self, seconds: float) -> None:
        """Note a duration, seconds."""
        if len(self._kept) == self._size:
            self._drop_oldest()
        self._kept.append((self._clock(), seconds))
        insort(self._in_order, seconds)

    def quantile(self, share: float) -> float | None:
        """Return the duration that a share of them, in [0, 1], do not exceed; None for fewer than ten.

        Between two durations it is interpolated, as NumPy does.
        """
        self._forget()
        if len(self._in_order) < _LEAST:
            return None
        place = share * (len(self._in_order) - 1)
        below = floor(place)
        above = min(below + 1, len(self._in_order) - 1)
        low, high = self._in_order[below], self._in_order[above]
        return low + (high - low) * (place - below)

    @property
    def median(self) -> float | None:
        """What half of them do not exceed, seconds; None for fewer than ten."""
        return self.quantile(0.5)

    @property
    def mean(self) -> float | None:
        """Their mean, seconds; None for fewer than ten."""
        self._forget()
        return sum(self._in_order) / len(self._in_order) if len(self._in_order) >= _LEAST else None

    def _forget(self) -> None:
        oldest = self._clock() - self._seconds
        while self._kept and self._kept[0][0] < oldest:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, seconds = self._kept.popleft()
        del self._in_order[bisect_left(self._in_order, seconds)]
