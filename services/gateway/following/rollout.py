"""Moving to another snapshot: when it fits the models, and when no shard that can be searched is lost by it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from services.common.errors import AisleError
from services.common.periodic import again_and_again
from services.common.telemetry import get_logger
from services.gateway.answering.catalog import Catalog
from services.gateway.following.readiness import silent_since
from services.gateway.following.roll_call import RollCall

_log = get_logger()

_KEEP_SECONDS: Final = 10.0
"""How often searchers are told which snapshot is used: they free one that nobody asks for, and nights are quiet; one
that has just started learns by it what it lacks."""
HELD_UP: Final = "SHARDS_NOT_READY"
"""The reason why a snapshot waits that is not refused."""


class Answering(Protocol):
    """Answers photos, as `services.gateway.answering.search.PhotoSearch`."""

    @property
    def catalog(self) -> Catalog:
        """What is searched for the next photo."""
        ...

    def serve(self, catalog: Catalog) -> None:
        """Search this from the next photo on; those in work end with what they began with."""
        ...


class RolloutRecord(Protocol):
    """Hears how snapshots follow each other."""

    def serves(self, snapshot_id: str, *, switched: bool) -> None:
        """Note which snapshot is served, and is the one to serve."""
        ...

    def waits(self) -> None:
        """Note that another snapshot should be served."""
        ...

    def refused(self, reason: str) -> None:
        """Count a snapshot that is not served."""
        ...


@dataclass(slots=True)
class _Candidate:
    """A snapshot that is waited for."""

    catalog: Catalog
    since: float
    silent_since: Mapping[str, float] = field(default_factory=dict)
    is_said: bool = False


class Rollout:
    """Switches when everything is ready. Make it and close it in one event loop."""

    def __init__(
        self,
        answering: Answering,
        roll_call: RollCall,
        *,
        catalog_of: Callable[[str], Awaitable[Catalog]],
        record: RolloutRecord,
        patience_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin to tell the searchers which snapshot is used.

        Args:
            answering: what is switched.
            roll_call: asks the searchers, which must be ready before.
            catalog_of: reads a snapshot, and checks that it fits the models.
            record: hears of switches and refusals.
            patience_seconds: how long a shard of which no searcher answers is waited for, from when the last one did;
                and after which it is said that a switch is held up.
            clock: seconds, monotonic.
        """
        self._answering = answering
        self._roll_call = roll_call
        self._catalog_of = catalog_of
        self._record = record
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._candidate: _Candidate | None = None
        record.serves(self._served_id, switched=False)
        self._keeping = asyncio.create_task(again_and_again("snapshot_keeping", self._say_used, _KEEP_SECONDS))

    async def adopt(self, snapshot_id: str) -> bool:
        """Switch if everything is ready for it; as `services.snapshot.following.Adopter` says."""
        if snapshot_id == self._served_id:
            self._candidate = None
            self._record.serves(snapshot_id, switched=False)
            return True
        self._record.waits()
        candidate = await self._candidate_of(snapshot_id)
        answers = await self._roll_call.ask(snapshot_id, used_snapshot_id=self._served_id)
        readiness = self._roll_call.readiness(candidate.catalog.manifest, answers)
        now = self._clock()
        waited_seconds = now - candidate.since
        candidate.silent_since = silent_since(candidate.silent_since, readiness.unreachable, now)
        awaited = [slug for slug, since in candidate.silent_since.items() if now - since < self._patience_seconds]
        if readiness.not_loaded or awaited:
            if waited_seconds >= self._patience_seconds:
                self._say_held_up(candidate, (*readiness.not_loaded, *awaited), answers.why_not)
            return False
        before = self._served_id
        self._answering.serve(candidate.catalog)
        self._candidate = None
        self._record.serves(snapshot_id, switched=True)
        _log.info(
            "snapshot_switched",
            snapshot_id=snapshot_id,
            before=before,
            waited_seconds=round(waited_seconds, 3),
            without=readiness.unreachable,
        )
        await self._say_used()  # also when nobody searches now
        return True

    def refused(self, snapshot_id: str, error: AisleError) -> None:
        """Say and count what could not be switched to."""
        self._record.refused(error.reason)
        _log.error(
            "snapshot_refused",
            snapshot_id=snapshot_id,
            reason=error.reason,
            error=error.message,
            serving=self._served_id,
        )

    async def close(self) -> None:
        """End."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)

    @property
    def _served_id(self) -> str:
        return self._answering.catalog.manifest.snapshot_id

    async def _candidate_of(self, snapshot_id: str) -> _Candidate:
        known = self._candidate
        if known is None or known.catalog.manifest.snapshot_id != snapshot_id:
            since = self._clock()
            known = self._candidate = _Candidate(await self._catalog_of(snapshot_id), since)
        return known

    def _say_held_up(self, candidate: _Candidate, shards: Sequence[str], why_not: Mapping[str, str]) -> None:
        if candidate.is_said:
            return
        candidate.is_said = True
        self._record.refused(HELD_UP)
        _log.warning(
            "snapshot_held_up",
            snapshot_id=candidate.catalog.manifest.snapshot_id,
            reason=HELD_UP,
            shards=shards,
            searchers=why_not,
            serving=self._served_id,
        )

    async def _say_used(self) -> None:
        await self._roll_call.ask(self._served_id, used_snapshot_id=self._served_id)
