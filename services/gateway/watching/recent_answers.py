"""What became of the photos of the last minute, for whoever asks how the gateway fares. Knows no gRPC."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from services.common.criticality import Criticality
from services.gateway.answering.ports import PhotoRecord
from services.gateway.answering.query import Answer, Rung

PERIOD_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Recent:
    """The last minute.

    Attributes:
        rungs: answers by rung.
        partial: answers that lack a planned shard.
        errors: photos that ended with an error; not those whose callers did not wait.
        mean_coverage: mean share of the probability mass whose shards answered, in [0, 1]; 0 without answers.
    """

    rungs: Mapping[Rung, int]
    partial: int
    errors: int
    mean_coverage: float

    @property
    def answers(self) -> int:
        """Photos answered."""
        return sum(self.rungs.values())


@dataclass(slots=True)
class _Second:
    """The photos that ended within one second."""

    began: float
    rungs: Counter[Rung] = field(default_factory=Counter)
    partial: int = 0
    errors: int = 0
    covered: float = 0.0


class RecentAnswers:
    """Hears of every photo, remembers it for a minute, and passes it on."""

    def __init__(self, record: PhotoRecord, clock: Callable[[], float]) -> None:
        """Create it.

        Args:
            record: hears of every photo, too.
            clock: seconds, monotonic.
        """
        self._record = record
        self._clock = clock
        self._seconds = deque[_Second]()

    def answered(self, answer: Answer, criticality: Criticality, seconds: float) -> None:
        """Count an answer, and what it took, waiting included."""
        now = self._now()
        now.rungs[answer.rung] += 1
        now.partial += answer.coverage.partial
        now.covered += answer.coverage.share
        self._record.answered(answer, criticality, seconds)

    def failed(self, error: BaseException, criticality: Criticality) -> None:
        """Count an error, or that the caller did not wait (CancelledError)."""
        if isinstance(error, Exception):
            self._now().errors += 1
        self._record.failed(error, criticality)

    def recent(self) -> Recent:
        """Return the last minute."""
        self._forget()
        rungs = sum((second.rungs for second in self._seconds), Counter[Rung]())
        covered = sum(second.covered for second in self._seconds)
        return Recent(
            rungs=rungs,
            partial=sum(second.partial for second in self._seconds),
            errors=sum(second.errors for second in self._seconds),
            mean_coverage=covered / rungs.total() if rungs else 0.0,
        )

    def _now(self) -> _Second:
        now = self._clock()
        if not self._seconds or now - self._seconds[-1].began >= 1.0:
            self._forget()
            self._seconds.append(_Second(now))
        return self._seconds[-1]

    def _forget(self) -> None:
        oldest = self._clock() - PERIOD_SECONDS
        while self._seconds and self._seconds[0].began < oldest:
            self._seconds.popleft()
