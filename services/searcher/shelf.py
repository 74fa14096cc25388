"""The snapshots in a searcher's memory: the current one, and those that callers still plan with. Pure.

A gateway moves to a new snapshot when all shards have it, and its requests in work end with the old one; so two
snapshots are asked for at a time. Gateways say from which one they answer, and what one of them claims is not taken
away from it: where gateways differ, and while they can't move to what comes, there are more than two. Each costs little
more, since what snapshots share is in memory once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from services.common.errors import NotServing, SnapshotMismatch
from services.snapshot.layout import is_snapshot_id

_MOST_BEFORE_ADDING: Final = 2
"""Snapshots that are needed, and to which one more may be added that is not current: callers may name many."""
_QUIET_SECONDS: Final = 2.0
"""A snapshot that nobody asked for so long is in nobody's work: the calls of one request follow each other faster."""
_CLAIM_SECONDS: Final = 120.0
"""How long a claim holds that is not repeated: a dozen times what gateways let pass, so a slow one keeps its own."""
_MOST_CALLERS: Final = 1_000
_CALLER_CHARACTERS: Final = 128
_MOST_REASONS: Final = 1_000
"""Not fewer than there are callers: whatever each of them claims, what is refused for good is tried once."""


class Named(Protocol):
    """A loaded snapshot."""

    @property
    def snapshot_id(self) -> str:
        """Its id."""
        ...


S = TypeVar("S", bound=Named)


@dataclass(slots=True)
class _Place(Generic[S]):
    snapshot: S
    asked_at: float  # when it was last asked for, or ceased to be current


@dataclass(frozen=True, slots=True)
class _Claim:
    snapshot_id: str
    at: float


@dataclass(frozen=True, slots=True)
class _Reason:
    why: str
    for_good: bool


class Shelf(Generic[S]):
    """Holds the current snapshot, those that are claimed, and one to go back to; knows when each was last asked for."""

    def __init__(self, keep_seconds: float, clock: Callable[[], float]) -> None:
        """Create an empty one.

        Args:
            keep_seconds: how long a snapshot is kept that is no longer current, and that nobody claims or asks for.
            clock: seconds, monotonic.
        """
        self._keep_seconds = max(keep_seconds, _QUIET_SECONDS)
        self._clock = clock
        self._places: dict[str, _Place[S]] = {}
        self._current_id = ""
        self._claims: dict[str, _Claim] = {}
        self._reasons: dict[str, _Reason] = {}

    @property
    def held(self) -> tuple[S, ...]:
        """What can be searched, the current one first."""
        places = sorted(self._places, key=lambda snapshot_id: snapshot_id != self._current_id)
        return tuple(self._places[snapshot_id].snapshot for snapshot_id in places)

    def take(self, snapshot_id: str) -> S:
        """Return a snapshot to a caller, and note that it was asked for; empty means the current one.

        Raises:
            NotServing: nothing is here yet.
            SnapshotMismatch: it is not here; the message says why, if that is known.
        """
        place = self._place(snapshot_id)
        place.asked_at = self._clock()
        return place.snapshot

    def look(self, snapshot_id: str) -> S:
        """Return a snapshot as `take` does, without a note."""
        return self._place(snapshot_id).snapshot

    def claim(self, caller: str, snapshot_id: str) -> None:
        """Note from which snapshot a caller answers, whether it is here or not; empty means that it does not say.

        What can't be an id is passed over, and so is a new caller where there are very many: those who came before it
        keep theirs.
        """
        self._claims = {each: claim for each, claim in self._claims.items() if self._holds(claim)}
        caller = caller[:_CALLER_CHARACTERS]
        if is_snapshot_id(snapshot_id) and (caller in self._claims or len(self._claims) < _MOST_CALLERS):
            self._claims[caller] = _Claim(snapshot_id, self._clock())

    @property
    def lacking(self) -> str:
        """The newest snapshot that is claimed, not here and not refused for good; empty: none, or there is no room."""
        if len(self._staying(as_current=False)) > _MOST_BEFORE_ADDING:
            return ""
        refused = {snapshot_id for snapshot_id, reason in self._reasons.items() if reason.for_good}
        return max(self._claimed - self._places.keys() - refused, default="")

    def explain(self, snapshot_id: str, why: str, *, for_good: bool = False) -> None:
        """Remember why a snapshot is not here, for those who ask for it.

        Args:
            snapshot_id: which one.
            why: a clause that goes on after "it is not served here;".
            for_good: whether to try again is of no use.
        """
        self._reasons.pop(snapshot_id, None)
        self._reasons[snapshot_id] = _Reason(why, for_good)
        if len(self._reasons) > _MOST_REASONS:
            del self._reasons[next(iter(self._reasons))]

    def choose(self, snapshot_id: str) -> bool:
        """Make a snapshot that is here the current one; return whether it is here."""
        if snapshot_id not in self._places:
            return False
        if before := self._places.get(self._current_id):
            before.asked_at = self._clock()
        self._current_id = snapshot_id
        return True

    def has_room(self, *, as_current: bool) -> bool:
        """Whether another one can come, as the current one or beside it, without taking away what is in work."""
        quiet = self._clock() - _QUIET_SECONDS
        return all(self._places[each].asked_at <= quiet for each in self._leaving(as_current=as_current))

    def put(self, snapshot: S, *, as_current: bool = True) -> tuple[str, ...]:
        """Add a snapshot, as the current one or beside it; return the ids of those that had to leave for it."""
        leaving = tuple(sorted(self._leaving(as_current=as_current) - {snapshot.snapshot_id}))
        self._places[snapshot.snapshot_id] = _Place(snapshot, self._clock())
        self._reasons.pop(snapshot.snapshot_id, None)
        if as_current:
            self.choose(snapshot.snapshot_id)
        for each in leaving:
            del self._places[each]
        return leaving

    def tidy(self) -> tuple[str, ...]:
        """Free what is neither current nor claimed nor was asked for long enough; return the ids."""
        due, needed = self._clock() - self._keep_seconds, self._claimed | {self._current_id}
        freed = tuple(each for each, place in self._places.items() if each not in needed and place.asked_at <= due)
        for each in freed:
            del self._places[each]
        return freed

    @property
    def _claimed(self) -> set[str]:
        """The ids that some caller answers from, here or not."""
        return {claim.snapshot_id for claim in self._claims.values() if self._holds(claim)}

    def _holds(self, claim: _Claim) -> bool:
        return self._clock() - claim.at < _CLAIM_SECONDS

    def _staying(self, *, as_current: bool) -> set[str]:
        """Return what stays when another one comes: what is claimed; where nothing is, what is current till then."""
        claimed = self._claimed & self._places.keys()
        return claimed if claimed and as_current else claimed | {self._current_id}

    def _leaving(self, *, as_current: bool) -> set[str]:
        return self._places.keys() - self._staying(as_current=as_current)

    def _place(self, snapshot_id: str) -> _Place[S]:
        place = self._places.get(snapshot_id or self._current_id)
        if place is not None:
            return place
        if not self._places:
            raise NotServing("no snapshot is loaded yet")
        reason = self._reasons.get(snapshot_id)
        because = "" if reason is None else f"; {reason.why}"
        served = ", ".join(each.snapshot_id for each in self.held)
        raise SnapshotMismatch(
            f"snapshot {snapshot_id!r} is not served here, but {served}{because}", field="snapshot_id"
        )
