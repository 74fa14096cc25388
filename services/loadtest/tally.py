"""What became of the photos of one second and kind, as counts and histograms that merge without loss. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from services.loadtest.histogram import Histogram

RECALL_AT: Final = (1, 5, 10)
"""The numbers of first hits that recall is measured at."""


class Outcome(StrEnum):
    """What a caller got."""

    OK = "ok"
    PARTIAL = "partial"
    SHED = "shed"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one photo.

    Attributes:
        outcome: what the caller got; `shed` was refused at once because of load.
        seconds: from the intended time of sending to the end.
        in_time: whether it is a full answer within the deadline, counted from the intended time.
        code: name of the gRPC status code.
        reason: the error's reason; empty for an answer.
        rung: how far the service had degraded; empty for an error.
        missing_shards: of a partial answer, by what became of them.
        coverage: the share of the probability mass that answered; 0 for an error.
        stages_seconds: the gateway's time per stage.
        recall: recall at each of `RECALL_AT` that the answer is long enough for; nothing without labels.
    """

    outcome: Outcome
    seconds: float
    in_time: bool
    code: str
    reason: str = ""
    rung: str = ""
    missing_shards: Mapping[str, int] = field(default_factory=dict)
    coverage: float = 0.0
    stages_seconds: Mapping[str, float] = field(default_factory=dict)
    recall: Mapping[int, float] = field(default_factory=dict)


@dataclass
class Tally:
    """The sum of replies.

    Attributes:
        outcomes, codes, reasons, rungs: photos by each.
        missing_shards: of the partial answers, by what became of them.
        in_time: full answers within their deadlines.
        coverage: sum over the answers.
        judged, recall: by number of first hits: answers with labels, and the sum of their recalls.
        latency: of the answers, full and partial.
        failure: of the other photos: how long callers waited for nothing.
        lag: how much later than intended photos were sent, all of them.
        stages: of the answers, as the gateway tells.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    rungs: Counter[str] = field(default_factory=Counter)
    missing_shards: Counter[str] = field(default_factory=Counter)
    in_time: int = 0
    coverage: float = 0.0
    judged: Counter[int] = field(default_factory=Counter)
    recall: dict[int, float] = field(default_factory=dict)
    latency: Histogram = field(default_factory=Histogram)
    failure: Histogram = field(default_factory=Histogram)
    lag: Histogram = field(default_factory=Histogram)
    stages: dict[str, Histogram] = field(default_factory=dict)

    @property
    def photos(self) -> int:
        """All that were sent."""
        return self.outcomes.total()

    @property
    def answers(self) -> int:
        """Full and partial ones."""
        return self.outcomes[Outcome.OK] + self.outcomes[Outcome.PARTIAL]

    def share(self, *outcomes: Outcome) -> float:
        """Return the share of the photos that ended so; 0 without photos."""
        return sum(self.outcomes[outcome] for outcome in outcomes) / max(1, self.photos)

    def record(self, reply: Reply, lag_seconds: float) -> None:
        """Count one photo, and how much later than intended it was sent."""
        self.outcomes[reply.outcome.value] += 1
        self.codes[reply.code] += 1
        self.in_time += reply.in_time
        self.lag.record(lag_seconds)
        if reply.outcome in {Outcome.SHED, Outcome.ERROR}:
            self.reasons[reply.reason or reply.code] += 1
            self.failure.record(reply.seconds)
            return
        self.rungs[reply.rung] += 1
        self.missing_shards.update(reply.missing_shards)
        self.coverage += reply.coverage
        self.latency.record(reply.seconds)
        for stage, seconds in reply.stages_seconds.items():
            self.stages.setdefault(stage, Histogram()).record(seconds)
        for first, recall in reply.recall.items():
            self.judged[first] += 1
            self.recall[first] = self.recall.get(first, 0.0) + recall

    def add(self, other: Self) -> None:
        """Count all that the other has counted."""
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        self.in_time += other.in_time
        self.coverage += other.coverage
        for first, recall in other.recall.items():
            self.recall[first] = self.recall.get(first, 0.0) + recall
        for name in _HISTOGRAMS:
            getattr(self, name).add(getattr(other, name))
        for stage, histogram in other.stages.items():
            self.stages.setdefault(stage, Histogram()).add(histogram)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON's types."""
        return {
            **{name: dict(getattr(self, name)) for name in _COUNTERS},
            "in_time": self.in_time,
            "coverage": self.coverage,
            "recall": self.recall,
            **{name: getattr(self, name).encode() for name in _HISTOGRAMS},
            "stages": {stage: histogram.encode() for stage, histogram in self.stages.items()},
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Return the tally that `to_json` told."""
        return cls(
            outcomes=Counter(fields["outcomes"]),
            codes=Counter(fields["codes"]),
            reasons=Counter(fields["reasons"]),
            rungs=Counter(fields["rungs"]),
            missing_shards=Counter(fields["missing_shards"]),
            in_time=fields["in_time"],
            coverage=fields["coverage"],
            judged=Counter({int(first): count for first, count in fields["judged"].items()}),
            recall={int(first): recall for first, recall in fields["recall"].items()},
            **{name: Histogram.decode(fields[name]) for name in _HISTOGRAMS},
            stages={stage: Histogram.decode(text) for stage, text in fields["stages"].items()},
        )


def merged(tallies: Iterable[Tally]) -> Tally:
    """Return all of them as one."""
    total = Tally()
    for each in tallies:
        total.add(each)
    return total


_COUNTERS: Final = ("outcomes", "codes", "reasons", "rungs", "missing_shards", "judged")
_HISTOGRAMS: Final = ("latency", "failure", "lag")
