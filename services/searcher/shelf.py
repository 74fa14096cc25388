"""The snapshots in a searcher's memory: the current one, and one more for callers that plan with it. Pure.

A gateway moves to a new snapshot when all shards have it, and its requests in work end with the old one; so two
snapshots are asked for at a time. Where the current one was refused by another searcher, the gateways stay with the one
before it: then that one is kept, whatever comes next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from services.common.errors import NotServing, SnapshotMismatch

_QUIET_SECONDS = 2.0
"""A snapshot that nobody asked for so long is in nobody's work: the calls of one request follow each other faster."""


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
    wanted_at: float  # when it was last asked for or ceased to be current
    is_used: bool = False  # whether anybody ever asked for it


class Shelf(Generic[S]):
    """Holds at most two snapshots and knows when each was last asked for."""

    def __init__(self, keep_seconds: float, clock: Callable[[], float]) -> None:
        """Create an empty one.

        Args:
            keep_seconds: how long a snapshot is kept that is no longer current and that nobody asks for.
            clock: seconds, monotonic.
        """
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._places: dict[str, _Place[S]] = {}
        self._current_id = ""
        self._refused = ("", "")

    @property
    def held(self) -> tuple[S, ...]:
        """What can be searched, the current one first."""
        places = sorted(self._places, key=lambda snapshot_id: snapshot_id != self._current_id)
        return tuple(self._places[snapshot_id].snapshot for snapshot_id in places)

    def take(self, snapshot_id: str) -> S:
        """Return a snapshot for a search, and note that it was asked for; empty means the current one.

        Raises:
            NotServing: nothing is here yet.
            SnapshotMismatch: it is not here.
        """
        place = self._place(snapshot_id)
        place.wanted_at, place.is_used = self._clock(), True
        return place.snapshot

    def look(self, snapshot_id: str) -> S:
        """Return a snapshot as `take` does, without a note."""
        return self._place(snapshot_id).snapshot

    def keep(self, snapshot_id: str) -> None:
        """Note that a caller answers from a snapshot, if it is here."""
        if snapshot_id in self._places:
            self.take(snapshot_id)

    def refuse(self, snapshot_id: str, why: str) -> None:
        """Remember why a snapshot is not here, for those who ask for it."""
        self._refused = (snapshot_id, why)

    def choose(self, snapshot_id: str) -> bool:
        """Make a snapshot that is here the current one; return whether it is here."""
        if snapshot_id not in self._places:
            return False
        self._make_current(snapshot_id)
        return True

    @property
    def has_room(self) -> bool:
        """Whether a third can come without taking one away that a request in work may still need."""
        if self._leaving is None:
            return True
        place = self._places[self._leaving]
        return not place.is_used or self._clock() - place.wanted_at >= _QUIET_SECONDS

    def put(self, snapshot: S) -> str | None:
        """Make a snapshot current; return the id of the one that had to leave for it."""
        leaving = self._leaving
        self._places[snapshot.snapshot_id] = _Place(snapshot, self._clock())
        self._make_current(snapshot.snapshot_id)
        if leaving is not None:
            del self._places[leaving]
        return leaving

    def tidy(self) -> tuple[str, ...]:
        """Free what is neither current nor was asked for long enough; return the ids."""
        due = self._clock() - self._keep_seconds
        others = [(each, place) for each, place in self._places.items() if each != self._current_id]
        freed = tuple(each for each, place in others if place.wanted_at <= due)
        for each in freed:
            del self._places[each]
        return freed

    @property
    def _leaving(self) -> str | None:
        """The id of the one that has to leave when a third comes: the older one, as long as somebody uses the newer."""
        other = next((each for each in self._places if each != self._current_id), None)
        if other is None:
            return None
        is_passed_over = self._places[other].is_used and not self._places[self._current_id].is_used
        return self._current_id if is_passed_over else other

    def _make_current(self, snapshot_id: str) -> None:
        if before := self._places.get(self._current_id):
            before.wanted_at = self._clock()
        self._current_id = snapshot_id

    def _place(self, snapshot_id: str) -> _Place[S]:
        place = self._places.get(snapshot_id or self._current_id)
        if place is not None:
            return place
        if not self._places:
            raise NotServing("no snapshot is loaded yet")
        refused_id, why = self._refused
        because = f"; it was refused: {why}" if snapshot_id == refused_id else ""
        served = ", ".join(each.snapshot_id for each in self.held)
        raise SnapshotMismatch(
            f"snapshot {snapshot_id!r} is not served here, but {served}{because}", field="snapshot_id"
        )
