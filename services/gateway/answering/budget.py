"""The time that is left until the caller's deadline, and how much of it each stage may take. Pure."""

from dataclasses import dataclass

from services.common.errors import DeadlineExceeded


@dataclass(frozen=True, slots=True)
class BudgetRules:
    """How the time is split.

    Attributes:
        default_seconds: the budget of a caller without a deadline.
        max_seconds: the most that any caller gets; a deadline of ten minutes must not hold a slot for ten minutes.
        reserve_seconds: kept back for merging and the way back.
        scatter_share: share of the time left that the models must leave to the shards.
    """

    default_seconds: float
    max_seconds: float
    reserve_seconds: float
    scatter_share: float


@dataclass(frozen=True, slots=True)
class Budget:
    """One request's budget.

    Attributes:
        deadline: on the clock whose readings are passed as `now`, seconds.
        rules: how the time is split.
    """

    deadline: float
    rules: BudgetRules

    @classmethod
    def begin(cls, now: float, remaining_seconds: float | None, rules: BudgetRules) -> "Budget":
        """Open the budget of a request.

        Args:
            now: the clock's reading, seconds.
            remaining_seconds: what the caller's deadline leaves; None when it set none.
            rules: how the time is split.

        Raises:
            DeadlineExceeded: nothing is left; the work is refused before it starts.
        """
        if remaining_seconds is not None and remaining_seconds <= 0:
            raise DeadlineExceeded("the deadline had passed when the request arrived")
        granted = rules.default_seconds if remaining_seconds is None else remaining_seconds
        return cls(now + min(granted, rules.max_seconds), rules)

    def remaining(self, now: float) -> float:
        """Return the seconds left, never below 0."""
        return max(0.0, self.deadline - now)

    def for_scatter(self, now: float, needed_seconds: float = 0.0) -> float:
        """Return the seconds that the shards may take from now on.

        Args:
            now: the clock's reading, seconds.
            needed_seconds: what they take at the median; with less, asking them would be work for nothing.

        Raises:
            DeadlineExceeded: not even that is left for them.
        """
        return _enough(self.remaining(now) - self.rules.reserve_seconds, needed_seconds, "search")

    def for_another_wave(self, now: float, last_wave_seconds: float) -> float | None:
        """Return the seconds that another wave of shards may take from now on, None when there is no use in one.

        The first wave has all that the shards have. Another one is worth its work only if it can answer in time,
        and the best guess of how long it takes is how long the last one took.
        """
        seconds = self.remaining(now) - self.rules.reserve_seconds
        return seconds if seconds > last_wave_seconds else None

    def for_models(self, now: float, needed_seconds: float = 0.0) -> float:
        """Return the seconds that the models may take from now on, so that the shards keep their share.

        Args:
            now: the clock's reading, seconds.
            needed_seconds: what they take at the median.

        Raises:
            DeadlineExceeded: not even that is left for them.
        """
        return _enough(self.for_scatter(now) * (1.0 - self.rules.scatter_share), needed_seconds, "embed")


def _enough(seconds: float, needed: float, stage: str) -> float:
    if seconds <= 0 or seconds < needed:
        takes = f" where it takes {needed * 1000:.0f} ms" if needed else ""
        raise DeadlineExceeded(
            f"too little of the deadline was left to {stage}: {max(seconds, 0.0) * 1000:.0f} ms{takes}; allow more time"
        )
    return seconds
