"""Moving to another snapshot: it is loaded beside what is served, verified and warmed, and only then switched to."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Final, Protocol, TypeVar

import faiss

from services.common.errors import AisleError
from services.common.telemetry import get_logger
from services.searcher.loading import (
    Known,
    LoadedSnapshot,
    VerifiedFiles,
    check_space,
    chosen_shards,
    load_shard,
)
from services.searcher.shelf import Shelf
from services.searcher.yielding import YieldingFiles
from services.snapshot.following import may_pass
from services.snapshot.manifest import Manifest

_log = get_logger()

T = TypeVar("T")

_LONGEST_REQUEST_SECONDS: Final = 30.0
"""What a gateway grants a caller at most: so long may a snapshot be needed that gateways have moved away from."""
_LOOK_SECONDS: Final = 0.1
_TIDY_SECONDS: Final = 1.0
_MOST_BEFORE: Final = 10
"""Older snapshots that a start tries: where so many can't be served, what is wrong is something else."""


class Snapshots(VerifiedFiles, Protocol):
    """Where snapshots come from, as `services.snapshot.store.SnapshotStore`."""

    def beginning_id(self) -> str:
        """Return the id of the snapshot to begin with: the current one, also while CURRENT is damaged."""
        ...

    def manifest(self, snapshot_id: str) -> Manifest:
        """Return a snapshot's manifest."""
        ...

    def predecessors(self, snapshot_id: str) -> Iterator[str]:
        """Yield what to go back to from a snapshot."""
        ...


class Rollout:
    """Loads snapshots onto a shelf. Make it, use it and close it in one event loop.

    Attributes:
        refusals: snapshots that were not switched to, so far.
    """

    def __init__(
        self,
        snapshots: Snapshots,
        slugs: Sequence[str],
        shelf: Shelf[LoadedSnapshot],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Create it; nothing is read yet.

        Args:
            snapshots: where they come from.
            slugs: which shards to load; none: every category's.
            shelf: where they go.
            clock: seconds, monotonic.
            sleep: waits so many seconds.
        """
        self._snapshots = snapshots
        self._slugs = slugs
        self._shelf = shelf
        self._clock = clock
        self._sleep = sleep
        self.refusals = 0
        # One at a time, each search on one core: those who are served meanwhile need the others.
        self._loading = ThreadPoolExecutor(1, "load", partial(faiss.omp_set_num_threads, 1))
        self._files = YieldingFiles(snapshots)
        self._one_at_a_time = asyncio.Lock()
        # Of a snapshot that was not switched to: where CURRENT changes faster than a snapshot loads, each gets further.
        self._unfinished = Known()
        self._tidying: asyncio.Task[None] | None = None

    async def begin(self, snapshot_id: str) -> str:
        """Load the first snapshot, as fast as possible.

        Args:
            snapshot_id: which one, and no other; empty: the current one or, when that can't be served, the last one
                before it that can.

        Returns:
            The snapshot that is not to be adopted before CURRENT changes: what is served now, or what was refused.

        Raises:
            SnapshotNotFound, SnapshotInvalid, SpaceMismatch, SettingsInvalid, Unavailable: why it can't be served, and
                none of those before it either.
        """
        first = snapshot_id or await self._run(self._snapshots.beginning_id)
        try:
            self._shelf.put(await self._read(first, self._snapshots))
        except AisleError as refusal:
            if snapshot_id:
                raise
            first = await self._begin_before(first, refusal)
        self._tidying = asyncio.create_task(self._tidy(), name="tidying")
        return first

    async def adopt(self, snapshot_id: str) -> bool:
        """Switch to a snapshot, at once when it is still here; as `services.snapshot.following.Adopter` says."""
        began, before = self._clock(), self._shelf.look("").snapshot_id
        if not self._shelf.choose(snapshot_id):
            await self._put(await self._read(snapshot_id, self._files), as_current=True)
        self._unfinished = Known()
        _log.info("snapshot_switched", snapshot_id=snapshot_id, before=before, seconds=round(self._clock() - began, 3))
        return True

    async def add(self, snapshot_id: str) -> None:
        """Load a snapshot beside the current one, if it is not here.

        Raises:
            AisleError: it can't be served, and why.
        """
        if all(held.snapshot_id != snapshot_id for held in self._shelf.held):
            await self._put(await self._read(snapshot_id, self._files), as_current=False)
            self._unfinished = Known()
            _log.info("snapshot_added", snapshot_id=snapshot_id, beside=self._shelf.look("").snapshot_id)

    def refused(self, snapshot_id: str, error: AisleError) -> None:
        """Say and count what could not be switched to; callers who ask for it hear the reason, too."""
        self.refusals += 1
        why = f"it was refused: {error.reason}: {error.message}"
        self._shelf.explain(snapshot_id, why, for_good=not may_pass(error))
        _log.error(
            "snapshot_refused",
            snapshot_id=snapshot_id,
            reason=error.reason,
            error=error.message,
            serving=self._shelf.look("").snapshot_id,
            refusals=self.refusals,
        )

    async def close(self) -> None:
        """End the threads; the file or shard that is at hand is waited for, so whoever reads files gives up first."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        await asyncio.to_thread(self._loading.shutdown, cancel_futures=True)
        self._files.close()

    async def _begin_before(self, current_id: str, refusal: AisleError) -> str:
        """Load the last snapshot that can be served before one that can't; return as `begin`."""
        try:
            before = await self._run(lambda: list(islice(self._snapshots.predecessors(current_id), _MOST_BEFORE)))
        except AisleError:
            raise refusal from None
        for candidate in before:
            try:
                self._shelf.put(await self._read(candidate, self._snapshots))
            except AisleError as error:
                _log.warning("snapshot_passed_over", snapshot_id=candidate, reason=error.reason, error=error.message)
                continue
            self.refused(current_id, refusal)
            return candidate if may_pass(refusal) else current_id
        raise refusal

    async def _read(self, snapshot_id: str, files: VerifiedFiles) -> LoadedSnapshot:
        """Load a snapshot, one at a time."""
        async with self._one_at_a_time:
            began = self._clock()
            loaded = await self._load(await self._run(self._snapshots.manifest, snapshot_id), files)
            return replace(loaded, load_seconds=self._clock() - began)

    async def _load(self, manifest: Manifest, files: VerifiedFiles) -> LoadedSnapshot:
        """Load shard by shard; a cancellation takes effect between two, and what was loaded stays for the next."""
        check_space(manifest)
        entries = chosen_shards(manifest, self._slugs)
        known = self._unfinished = Known.of(entries, [self._unfinished, *(held.known for held in self._shelf.held)])
        shards = {}
        try:
            for entry in entries:
                shards[entry.slug] = await self._run(load_shard, files, manifest, entry, known)
                _log.info("shard_loaded", shard=entry.slug, images=entry.images, products=entry.products)
        except AisleError as error:
            if not may_pass(error):  # nobody will come back for it
                self._unfinished = Known()
            raise
        return LoadedSnapshot(manifest.snapshot_id, manifest.space_id, manifest.dimension, shards, known)

    async def _put(self, loaded: LoadedSnapshot, *, as_current: bool) -> None:
        """Put a snapshot onto the shelf, once no request in work needs what leaves for it."""
        latest = self._clock() + _LONGEST_REQUEST_SECONDS
        while not self._shelf.has_room(as_current=as_current) and self._clock() < latest:
            await self._sleep(_LOOK_SECONDS)
        self._say_freed(self._shelf.put(loaded, as_current=as_current))

    async def _tidy(self) -> None:
        while True:
            await self._sleep(_TIDY_SECONDS)
            self._say_freed(self._shelf.tidy())

    def _say_freed(self, snapshot_ids: Sequence[str]) -> None:
        for snapshot_id in snapshot_ids:
            _log.info("snapshot_freed", snapshot_id=snapshot_id)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._loading, work, *arguments)
