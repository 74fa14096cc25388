"""What became of a schedule: tallies by second and kind, and what everybody used meanwhile. Pure."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from services.loadtest.consumption import Sample
from services.loadtest.plan import Plan, make_plan
from services.loadtest.tally import Tally, merged


@dataclass(frozen=True, slots=True)
class Ending:
    """How sending ended.

    Attributes:
        gave_up: why a sender stopped before its time; empty when none did.
        sent_until: when the last photo was sent, seconds from the start.
    """

    gave_up: str = ""
    sent_until: float = 0.0


@dataclass
class Measured:
    """What became of a schedule.

    Attributes:
        plan: what was to be sent.
        seconds: in which photos were due: the schedule's time, or less when it was ended before.
        tallies: as JSON's types, by second and kind, the warm-up left out; several senders have told several.
        ending: how sending ended.
        interrupted: whether it was ended from outside.
        samples: what everybody had used, once a second.
    """

    plan: Plan
    seconds: float
    tallies: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=dict)
    ending: Ending = field(default_factory=Ending)
    interrupted: bool = False
    samples: list[Sample] = field(default_factory=list)

    @classmethod
    def nothing(cls) -> Self:
        """Return what became of a schedule that never began."""
        return cls(make_plan([np.empty(0)], [1.0], 1, 0), 0.0)

    def tally(self, second: int | None = None, kind: int | None = None) -> Tally:
        """Return the sum, of all or of one second, of all or of one kind."""
        return merged(
            Tally.from_json(each)
            for (at, of_kind), told in self.tallies.items()
            if second in {None, at} and kind in {None, of_kind}
            for each in told
        )

    def outcomes(self) -> Counter[str]:
        """Return the photos by outcome, without reading the histograms."""
        total = Counter[str]()
        for told in self.tallies.values():
            for each in told:
                total.update(each["outcomes"])
        return total

    def by_second(self) -> dict[int, Tally]:
        """Return the sum of each second in which something was sent."""
        return {second: self.tally(second) for second in sorted({at for at, _ in self.tallies})}

    @property
    def offered(self) -> int:
        """Photos that were due."""
        return self.plan.counted(self.seconds)
