"""Which replica is asked: the less busy of two drawn by lot, none that seems to be lost or says not to ask it. Pure.

Power of two choices: Mitzenmacher, "The power of two choices in randomized load balancing", 2001. Ejection counts
losses in a row, as Envoy's outlier detection can, for statistics over replicas mean nothing where there are two.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class EjectionRules:
    """When a replica counts as lost, and for how long.

    Attributes:
        losses: calls in a row that it failed, or was too slow for, until it is passed over.
        first_seconds: how long it is passed over then; twice as long after each further loss.
        longest_seconds: how long at most: so soon at the latest is a replica that came back used again.
    """

    losses: int = 3
    first_seconds: float = 0.5
    longest_seconds: float = 8.0


class Replica:
    """What is known of one process, whatever shards it serves.

    Attributes:
        target: its address.
        in_flight: calls that it has not answered.
        away_until: until when it is passed over; 0 when it is well.
        tried_at: when it was last asked in order to find out whether it is back.
    """

    __slots__ = ("_awaited", "_losses", "_silent_since", "away_until", "in_flight", "target", "tried_at")

    def __init__(self, target: str) -> None:
        """Know nothing yet: it is as good as any."""
        self.target = target
        self.in_flight = 0
        self.away_until = 0.0
        self.tried_at = float("-inf")
        self._losses = 0
        self._awaited = 0  # of those in flight, the ones that should be answered soon
        self._silent_since = 0.0

    @property
    def is_away(self) -> bool:
        """Whether it was passed over and has answered nothing since: a call to it is a trial."""
        return self.away_until > 0

    def asked(self, now: float, *, soon: bool) -> None:
        """A call to it begins, which should be answered soon or may take as long as it likes."""
        if soon and self._awaited == 0:
            self._silent_since = now
        self.in_flight += 1
        self._awaited += soon

    def ended(self, *, soon: bool) -> None:
        """A call to it ended, in whatever way."""
        self.in_flight -= 1
        self._awaited -= soon

    def silence(self, now: float) -> float:
        """Return for how long it has had calls that should be answered soon, and has answered none, seconds."""
        return now - self._silent_since if self._awaited else 0.0

    def answered(self, now: float) -> None:
        """It is well: whatever it lost before is forgotten."""
        self._silent_since = now
        self._losses = 0
        self.away_until = 0.0

    def connected(self, now: float, rules: EjectionRules) -> None:
        """It can be reached again, as another process mostly: that is slow at first, and must not pay for the old one.

        So it is tried now if it was passed over; if that trial is lost, it is passed over as briefly as at first.
        """
        self.away_until = min(self.away_until, now)
        self._silent_since = now
        self._losses = min(self._losses, rules.losses - 1)

    def lost(self, now: float, rules: EjectionRules) -> None:
        """It failed a call, or another replica was faster although it was asked later."""
        self._losses += 1
        beyond = self._losses - rules.losses
        if beyond >= 0:
            self.away_until = now + min(rules.longest_seconds, rules.first_seconds * 2.0 ** min(beyond, 30))


class Standing(Enum):
    """What the gateway makes of a replica, in the words that operators see."""

    READY = "ready"
    """It gets its share."""
    NOT_READY = "not_ready"
    """It is not connected, or says that it does not serve."""
    PASSED_OVER = "passed_over"
    """It failed calls, and has answered nothing since."""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """What an operator wants to know of a replica.

    Attributes:
        target: its address.
        is_ready: whether it is connected and says that it serves.
        is_away: whether it is passed over because it failed calls.
        in_flight: calls that it has not answered.
    """

    target: str
    is_ready: bool
    is_away: bool
    in_flight: int

    @property
    def standing(self) -> Standing:
        """What that makes of it; one that failed calls is passed over whatever it says."""
        if self.is_away:
            return Standing.PASSED_OVER
        return Standing.READY if self.is_ready else Standing.NOT_READY


class Replicas:
    """All replicas of all shards; they come and go."""

    def __init__(
        self,
        targets: Iterable[str],
        rules: EjectionRules,
        *,
        clock: Callable[[], float],
        lot: Callable[[], float],
        is_ready: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Create it.

        Args:
            targets: the addresses of all of them.
            rules: when one is passed over.
            clock: seconds, monotonic.
            lot: random numbers in [0, 1).
            is_ready: whether the replica at an address is connected and says that it serves; asked for each call, for
                one that drains must not get another.
        """
        self._replicas = {target: Replica(target) for target in targets}
        self._rules = rules
        self._clock = clock
        self._lot = lot
        self._is_ready = is_ready

    def add(self, targets: Iterable[str]) -> None:
        """Know more replicas; one that is known keeps what is known of it."""
        for target in targets:
            self._replicas.setdefault(target, Replica(target))

    def remove(self, targets: Iterable[str]) -> None:
        """Forget replicas; calls that they still have end as they end."""
        for target in targets:
            self._replicas.pop(target, None)

    def choose(self, targets: Sequence[str], avoid: Collection[str] = (), *, even_lost: bool = True) -> Replica | None:
        """Return the replica to ask, None when there is none but those to avoid.

        Args:
            targets: the replicas that would do.
            avoid: those that were asked already.
            even_lost: whether one that is passed over, or not ready, is better than none.

        One that is not ready is asked only where no other one would do: it may be about to be. One that was passed over
        long enough is tried, with one call each half second, whatever becomes of that. When all are passed over, all
        are tried in this way; the other calls need not wait to learn that nobody is back. Targets that are gone
        meanwhile are left out.
        """
        known = (self._replicas.get(target) for target in targets if target not in avoid)
        candidates = [each for each in known if each is not None]
        now = self._clock()
        usable = [each for each in candidates if each.away_until <= now]
        ready = [each for each in usable if self._is_ready(each.target)]
        usable = ready or (usable if even_lost else [])
        if usable:
            drawn = usable if len(usable) <= 2 else [usable[place] for place in self._two_of(len(usable))]  # noqa: PLR2004
            chosen: Replica | None = min(drawn, key=lambda each: (each.in_flight, self._lot()))
        elif not even_lost:
            return None
        else:
            rested = (each for each in candidates if now - each.tried_at >= self._rules.first_seconds)
            chosen = min(rested, key=lambda each: each.away_until, default=None)
        if chosen is not None and chosen.is_away:
            chosen.tried_at = now
            chosen.away_until = max(chosen.away_until, now + self._rules.first_seconds)
        return chosen

    def connected(self, target: str) -> None:
        """Note that a replica can be reached again: if it was passed over, the next call tries it."""
        replica = self._replicas.get(target)
        if replica is not None:
            replica.connected(self._clock(), self._rules)

    def answered(self, replica: Replica) -> None:
        """Note that a replica is well, though it may have said no."""
        replica.answered(self._clock())

    def lost(self, replica: Replica) -> None:
        """Note that a replica failed a call, or was too slow for it."""
        replica.lost(self._clock(), self._rules)

    def states(self) -> tuple[ReplicaState, ...]:
        """Return what is known of each replica, by address."""
        return tuple(
            ReplicaState(target, is_ready=self._is_ready(target), is_away=each.is_away, in_flight=each.in_flight)
            for target, each in sorted(self._replicas.items())
        )

    def _two_of(self, count: int) -> tuple[int, int]:
        first = int(self._lot() * count)
        second = int(self._lot() * (count - 1))
        return first, second + (second >= first)
