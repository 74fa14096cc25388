"""How many calls may be made beyond those that answers need: hedges, and second tries of failed ones. Pure.

Hedged requests: Dean and Barroso, "The tail at scale", 2013. A share of the calls pays for them (a token bucket), so
that a system which is slow everywhere is not asked everything twice.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExtraRules:
    """What may be spent.

    Attributes:
        share: extra calls per call, in the long run; 0 for none at all.
        burst: extra calls at once: as many calls as a searcher that dies leaves unanswered.
        pause_seconds: how long no call is hedged after a searcher said that it is overloaded: more calls are the last
            thing that it needs.
    """

    share: float = 0.05
    burst: float = 20.0
    pause_seconds: float = 1.0


class ExtraCalls:
    """The bucket: every call puts a share of a token in, every extra call takes one out.

    Attributes:
        spent: extra calls so far.
    """

    def __init__(self, rules: ExtraRules, clock: Callable[[], float]) -> None:
        """Create it, full enough for a searcher that dies early."""
        self._rules = rules
        self._clock = clock
        self._tokens = rules.burst if rules.share > 0 else 0.0
        self._paused_until = 0.0
        self.spent = 0

    def called(self) -> None:
        """Note a call that is no extra one."""
        self._tokens = min(self._rules.burst, self._tokens + self._rules.share)

    def overloaded(self) -> None:
        """Note that a searcher refused a call because it has too many."""
        self._paused_until = self._clock() + self._rules.pause_seconds

    @property
    def is_affordable(self) -> bool:
        """Whether one more call may be made."""
        return self._clock() >= self._paused_until and self._tokens >= 1.0

    def take(self) -> bool:
        """Return whether one more call may be made, and count it."""
        if not self.is_affordable:
            return False
        self._tokens -= 1.0
        self.spent += 1
        return True
