"""Moving to another snapshot: it is loaded beside what is served, verified and warmed, and only then switched to."""

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeVar

import faiss

from services.common.errors import AisleError
from services.common.telemetry import get_logger
from services.searcher.loading import (
    LoadedSnapshot,
    Segments,
    VerifiedFiles,
    check_space,
    chosen_shards,
    identity_of,
    load_shard,
)
from services.searcher.shelf import Shelf
from services.snapshot.manifest import FileEntry, Manifest

_log = get_logger()

T = TypeVar("T")

_LONGEST_REQUEST_SECONDS: Final = 30.0
"""What a gateway grants a caller at most: so long may a snapshot be needed that gateways have moved away from."""
_LOOK_SECONDS: Final = 0.1
_TIDY_SECONDS: Final = 1.0


class Snapshots(VerifiedFiles, Protocol):
    """Where snapshots come from, as `services.snapshot.store.SnapshotStore`."""

    def manifest(self, snapshot_id: str | None = None) -> Manifest:
        """Return a snapshot's manifest, by default the current one's."""
        ...


class Rollout:
    """Loads snapshots onto a shelf. Make it, use it and close it in one event loop."""

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
        self._refusals = 0
        # One at a time, each search on one core: those who are served meanwhile need the others.
        self._loading = ThreadPoolExecutor(1, "load", partial(faiss.omp_set_num_threads, 1))
        self._files = YieldingFiles(snapshots)
        self._tidying: asyncio.Task[None] | None = None

    async def begin(self, snapshot_id: str) -> str:
        """Load the first snapshot, as fast as possible; return its id.

        Args:
            snapshot_id: which one; empty: the current one.

        Raises:
            SnapshotNotFound, SnapshotInvalid, SpaceMismatch, SettingsInvalid, Unavailable: it can't be served, and why.
        """
        manifest = await self._run(self._snapshots.manifest, snapshot_id or None)
        self._shelf.put(await self._load(manifest, self._snapshots))
        self._tidying = asyncio.create_task(self._tidy(), name="tidying")
        return manifest.snapshot_id

    async def adopt(self, snapshot_id: str) -> bool:
        """Switch to a snapshot, at once when it is still here; as `services.snapshot.following.Adopter` says."""
        began, before = self._clock(), self._shelf.look("").snapshot_id
        if not self._shelf.choose(snapshot_id):
            manifest = await self._run(self._snapshots.manifest, snapshot_id)
            loaded = await self._load(manifest, self._files)
            await self._wait_for_room()
            self._say_freed(self._shelf.put(loaded))
        _log.info("snapshot_switched", snapshot_id=snapshot_id, before=before, seconds=round(self._clock() - began, 3))
        return True

    def refused(self, snapshot_id: str, error: AisleError) -> None:
        """Say and count what could not be switched to; callers who ask for it hear the reason, too."""
        self._refusals += 1
        self._shelf.refuse(snapshot_id, f"{error.reason}: {error.message}")
        _log.error(
            "snapshot_refused",
            snapshot_id=snapshot_id,
            reason=error.reason,
            error=error.message,
            serving=self._shelf.look("").snapshot_id,
            refusals=self._refusals,
        )

    async def close(self) -> None:
        """End the threads; the shard that is being loaded is waited for."""
        if self._tidying is not None:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        await asyncio.to_thread(self._loading.shutdown, cancel_futures=True)
        self._files.close()

    async def _load(self, manifest: Manifest, files: VerifiedFiles) -> LoadedSnapshot:
        """Load shard by shard; a cancellation takes effect between two of them."""
        check_space(manifest)
        entries = chosen_shards(manifest, self._slugs)
        known: Segments = {}
        for held in self._shelf.held:
            known.update(held.segments)
        shards = {}
        for entry in entries:
            shards[entry.slug] = await self._run(load_shard, files, manifest, entry, known)
            _log.info("shard_loaded", shard=entry.slug, images=entry.images, products=entry.products)
        identities = [identity_of(segment) for entry in entries for segment in entry.segments]
        segments = {identity: known[identity] for identity in identities}
        return LoadedSnapshot(manifest.snapshot_id, manifest.space_id, manifest.dimension, shards, segments)

    async def _wait_for_room(self) -> None:
        latest = self._clock() + _LONGEST_REQUEST_SECONDS
        while not self._shelf.has_room and self._clock() < latest:
            await self._sleep(_LOOK_SECONDS)

    async def _tidy(self) -> None:
        while True:
            await self._sleep(_TIDY_SECONDS)
            for freed in self._shelf.tidy():
                self._say_freed(freed)

    def _say_freed(self, snapshot_id: str | None) -> None:
        if snapshot_id is not None:
            _log.info("snapshot_freed", snapshot_id=snapshot_id)

    async def _run(self, work: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._loading, work, *arguments)


class YieldingFiles:
    """Fetches and verifies files in a thread that gets only what is left of the cores.

    Reading and hashing are nearly all of what loading costs. What comes after them stays at the usual priority: it is
    Python in part, and a thread of low priority that is kept from running while it has the interpreter keeps everybody
    from running.
    """

    def __init__(self, files: VerifiedFiles) -> None:
        """Create it; its thread starts with the first file."""
        self._files = files
        self._thread = ThreadPoolExecutor(1, "verify", _yield_to_others)

    def fetch(self, manifest: Manifest, entry: FileEntry) -> Path:
        """Return the local path of a verified file, as `VerifiedFiles`."""
        return self._thread.submit(self._files.fetch, manifest, entry).result()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()


def _yield_to_others() -> None:
    # To Linux, threads have priorities of their own.
    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
