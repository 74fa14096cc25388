"""How often something may happen, a call or a line of the log: a token bucket, filled steadily up to a burst. Pure."""

from collections.abc import Callable


class Allowance:
    """What may happen now: the calls of one caller, say."""

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        """Create it, full.

        Args:
            per_second: calls that come in each second, above 0.
            burst: calls that it holds at most, at least 1.
            clock: seconds, monotonic.
        """
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._left = burst
        self._filled_at = clock()

    def take(self) -> float:
        """Take one call and return 0; where there is none, take nothing and return the seconds until there is one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._filled_at) * self._per_second)
        self._filled_at = now
        if self._left < 1.0:
            return (1.0 - self._left) / self._per_second
        self._left -= 1.0
        return 0.0
