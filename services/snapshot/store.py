"""Reading snapshots: which one is current, its manifest, and its files once they are verified."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from services.common.errors import AisleError, SnapshotInvalid, SnapshotNotFound, Unavailable
from services.snapshot.cache import DigestCache
from services.snapshot.current import current_to_begin_with, required_current
from services.snapshot.descent import predecessors
from services.snapshot.digests import verify
from services.snapshot.layout import MANIFEST, snapshot_path
from services.snapshot.manifest import FileEntry, Manifest
from services.snapshot.publishing import is_genuine
from services.snapshot.root import SnapshotRoot

T = TypeVar("T")

_PAUSES_SECONDS: Final = (0.2, 1.0)
"""Before a remote file is read again that is not what it should be: what came may have been a proxy's page."""


class SnapshotStore:
    """Snapshots below one root; a local root is served from its own files, a remote one through a cache on disk.

    Every method may be called from any thread. All of them raise Unavailable when the root can't be read.
    """

    def __init__(self, root_url: str | Path, *, cache_dir: Path | None = None, trust_cache: bool = True) -> None:
        """Open a store; nothing is read yet.

        Args:
            root_url: fsspec URL or local path.
            cache_dir: where files of remote roots are kept, by root and digest; default `~/.cache/aisle/snapshots`. It
                may be emptied when nothing serves from it.
            trust_cache: whether a sound copy in the cache will do; else files are read from the root in any case.

        Raises:
            SettingsInvalid: a URL that fsspec can't open.
        """
        self._root = SnapshotRoot.at(root_url)
        self._cache_dir = cache_dir
        self._trust_cache = trust_cache
        self._tidied_for = ""

    def current_id(self) -> str:
        """Return the id of the current snapshot.

        Raises:
            SnapshotNotFound: nothing was published here yet.
            SnapshotInvalid: CURRENT does not hold an id.
        """
        return required_current(self._root)

    def beginning_id(self) -> str:
        """Return the id of the snapshot that a process begins with: the current one, also while CURRENT is damaged.

        Raises:
            SnapshotNotFound, SnapshotInvalid: as `current_id`, and there is no sound copy of CURRENT either.
        """
        return current_to_begin_with(self._root)

    def manifest(self, snapshot_id: str | None = None) -> Manifest:
        """Return a snapshot's manifest.

        Args:
            snapshot_id: which one; the current one by default.

        Raises:
            SnapshotNotFound: nothing was published yet, or there is no such snapshot.
            SnapshotInvalid: the manifest is damaged, of another schema, or that of another snapshot.
        """
        wanted = self.current_id() if snapshot_id is None else snapshot_id
        return self._patiently(partial(self._manifest, wanted))

    def _manifest(self, wanted: str) -> Manifest:
        path = snapshot_path(wanted, MANIFEST)
        content = self._root.read(path)
        if content is None:
            raise SnapshotNotFound(f"{self._root.url}/{path}: there is no such snapshot (`aisle snapshot list`)")
        manifest = Manifest.from_json(content, source=path)
        if manifest.snapshot_id != wanted:
            raise SnapshotInvalid(f"{path}: it is the manifest of {manifest.snapshot_id!r}")
        if not is_genuine(manifest, content):
            raise SnapshotInvalid(f"{path}: it was changed after it was published: its content is not what its id says")
        return manifest

    def predecessors(self, snapshot_id: str) -> Iterator[str]:
        """Yield what to go back to from a snapshot, as `services.snapshot.descent` says; each step reads a manifest."""

        def parent_of(other_id: str) -> str:
            try:
                return self.manifest(other_id).parent
            except AisleError:  # it is damaged, say: then its age alone counts
                return ""

        return predecessors(snapshot_id, self._root.snapshot_ids(), parent_of)

    def fetch(self, manifest: Manifest, entry: FileEntry) -> Path:
        """Return the local path of a file whose size and SHA-256 were just checked.

        Args:
            manifest: the snapshot that the file belongs to.
            entry: the file; one of the manifest's.

        Raises:
            SnapshotInvalid: the file is missing or damaged, or lies outside the snapshot; the message names it.
        """
        holder = entry.origin or manifest.snapshot_id
        path = snapshot_path(holder, entry.path)
        if self._root.folder is None:
            return self._patiently(partial(self._fetch_remote, manifest, path, entry))
        with _missing_is_invalid(path), self._root.reaching(path):
            return _fetch_local(self._root.folder / snapshot_path(holder), path, entry)

    def close(self) -> None:
        """Give up what other threads read from a remote root, so that a process which has to end need not wait.

        What was downloaded by half never gets the name under which it would be believed.
        """
        self._root.stop_reading()

    def _patiently(self, read: Callable[[], T]) -> T:
        """Read from the root, and from a remote one a few times before something counts as damaged."""
        for pause_seconds in _PAUSES_SECONDS if self._root.folder is None else ():
            try:
                return read()
            except SnapshotInvalid:
                time.sleep(pause_seconds)
        return read()

    def _fetch_remote(self, manifest: Manifest, path: str, entry: FileEntry) -> Path:
        # Asked for only here: a container that serves a local root may have no home.
        cache_dir = self._cache_dir or Path.home() / ".cache" / "aisle" / "snapshots"
        cache = DigestCache(cache_dir / self._root.key)
        if manifest.snapshot_id != self._tidied_for:  # what was served before may have been pruned since
            self._tidied_for = manifest.snapshot_id
            self._tidy(cache, manifest)
        return cache.fetch(entry, path, partial(self._download, path), trusted=self._trust_cache)

    def _download(self, path: str, file: Path) -> None:
        with _missing_is_invalid(path):
            self._root.download(path, file)

    def _tidy(self, cache: DigestCache, manifest: Manifest) -> None:
        """Remove copies of what no snapshot has any more; leave all as it is where that can't be known."""
        needed = {entry.sha256 for entry in manifest.files}
        with suppress(SnapshotInvalid, Unavailable):
            for snapshot_id in self._root.snapshot_ids():
                with suppress(SnapshotNotFound):  # files that others share are left of it
                    needed |= {entry.sha256 for entry in self.manifest(snapshot_id).files}
            cache.tidy(needed)


@contextmanager
def _missing_is_invalid(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise SnapshotInvalid(f"{path}: the file is missing") from None


def _fetch_local(folder: Path, path: str, entry: FileEntry) -> Path:
    try:
        file = (folder / entry.path).resolve()
    except RuntimeError:
        raise SnapshotInvalid(f"{path}: a symbolic link leads in circles") from None
    if not file.is_relative_to(folder.resolve()):
        raise SnapshotInvalid(f"{path}: a symbolic link leads outside the snapshot")
    verify(file, entry, path)
    return file
