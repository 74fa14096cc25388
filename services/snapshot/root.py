"""The place that holds snapshots: a folder or an object store, whatever fsspec knows, with its faults in our words."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from services.common.errors import SettingsInvalid, Unavailable
from services.snapshot.layout import SNAPSHOTS, is_snapshot_id, snapshot_path


@dataclass(frozen=True, slots=True)
class SnapshotRoot:
    """The place that holds snapshots; paths are relative to it.

    Every method that reads or writes raises Unavailable when the storage can't be reached or refuses, and
    FileNotFoundError when there is no such place, a bucket say.

    Attributes:
        url: as it was given, for messages.
        filesystem: fsspec's file system.
        path: the root in that file system's own words, without a slash at its end.
    """

    url: str
    filesystem: Any
    path: str

    @classmethod
    def at(cls, url: str | Path) -> "SnapshotRoot":
        """Open a root by fsspec URL or local path; nothing is read or made yet.

        Raises:
            SettingsInvalid: an unknown kind of URL, or one whose fsspec package is not installed.
        """
        try:
            filesystem, path = fsspec.url_to_fs(str(url))
        except (ValueError, ImportError) as error:
            raise SettingsInvalid(f"snapshot root {url}: {error}", field="snapshot_root") from None
        return cls(url=str(url).rstrip("/"), filesystem=filesystem, path=path.rstrip("/"))

    @property
    def key(self) -> str:
        """A name of the root for folders of this machine that belong to it."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path | None:
        """The root as a local folder; None when it is remote."""
        return Path(self.path or "/") if isinstance(self.filesystem, LocalFileSystem) else None

    def read(self, path: str) -> bytes | None:
        """Return a small file's content; None when it does not exist."""
        try:
            with self.reaching(path):
                content: bytes = self.filesystem.cat_file(self._at(path))
        except FileNotFoundError:
            return None
        return content

    def tag(self, path: str) -> str:
        """Return what changes with a file's content and can be written by; empty where the storage has none."""
        if not self._is_s3:
            return ""
        with self.reaching(path):
            tag: str = self.filesystem.info(self._at(path), refresh=True)["ETag"]
        return tag

    def write(self, path: str, content: bytes, *, only_over: str | None = "") -> None:
        """Make or replace a small file in one step.

        Args:
            path: the file.
            content: all of it.
            only_over: a tag: only while the file still has it; None: only while there is no such file, where the
                storage knows that condition; empty: in any case.
        """
        with self.reaching(path):
            self.filesystem.pipe_file(self._at(path), content, **self._condition(only_over))

    def download(self, path: str, file: Path) -> None:
        """Copy a file to this machine.

        Raises:
            FileNotFoundError: it does not exist.
        """
        with self.reaching(path):
            self.filesystem.get_file(self._at(path), str(file))

    def upload(self, file: Path, path: str) -> None:
        """Copy a file of this machine into the root."""
        with self.reaching(path):
            self.filesystem.makedirs(self._at(path).rpartition("/")[0], exist_ok=True)
            self.filesystem.put_file(str(file), self._at(path))

    def remove(self, path: str) -> None:
        """Remove a file."""
        with self.reaching(path):
            self.filesystem.rm_file(self._at(path))

    def snapshot_ids(self) -> list[str]:
        """Return the name of every folder that a snapshot has or had, by time of building."""
        names = {path.partition("/")[0] for path in self._files_below(SNAPSHOTS)}
        return sorted(name for name in names if is_snapshot_id(name))

    def files_of(self, snapshot_id: str) -> dict[str, int]:
        """Return what lies in a snapshot's folder, if there is one: paths relative to that, and sizes in bytes."""
        return self._files_below(snapshot_path(snapshot_id))

    @contextmanager
    def reaching(self, path: str) -> Iterator[None]:
        """Let a block reach for a file: what the storage raises becomes Unavailable, but for FileNotFoundError."""
        try:
            yield
        except FileNotFoundError:
            raise
        except self._faults as error:
            raise Unavailable(f"{self.url}/{path}: {error}") from error

    def _condition(self, only_over: str | None) -> dict[str, str]:
        if only_over is None:
            return {"IfNoneMatch": "*"} if self._is_s3 else {}
        return {"IfMatch": only_over} if only_over else {}

    @property
    def _is_s3(self) -> bool:
        return "s3" in (self.filesystem.protocol or ())

    @property
    def _faults(self) -> tuple[type[Exception], ...]:
        if not self._is_s3:
            return (OSError,)
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - it is there only where S3 is used

        return (OSError, BotoCoreError)

    def _at(self, path: str) -> str:
        return f"{self.path}/{path}"

    def _files_below(self, folder: str) -> dict[str, int]:
        above = self._at(folder).strip("/") + "/"
        self.filesystem.invalidate_cache()  # an object store's listing is remembered, and others write there, too
        try:
            with self.reaching(folder):
                found = self.filesystem.find(self._at(folder), detail=True)
        except FileNotFoundError:
            return {}
        return {path.strip("/").removeprefix(above): facts["size"] for path, facts in found.items()}
