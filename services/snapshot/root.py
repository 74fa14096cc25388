"""The place that holds snapshots: a folder or an object store, whatever fsspec knows, with its faults in our words."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import fsspec
from fsspec.implementations.local import LocalFileSystem

from services.common.errors import SettingsInvalid, Unavailable
from services.snapshot.layout import SNAPSHOTS, is_snapshot_id, snapshot_path
from services.snapshot.storage_calls import StorageCalls

_S3_ANSWER_SECONDS: Final = 5
"""Who follows CURRENT hears soon that there is no answer: not after 15 s, as s3fs has it, five times five times."""
_S3_ATTEMPTS: Final = 2
_READ_SECONDS: Final = 10.0
"""What reading a small file from an object store may take, whatever is tried for it."""


@dataclass(frozen=True, slots=True)
class SnapshotRoot:
    """The place that holds snapshots; paths are relative to it.

    Every method that reads or writes raises Unavailable when the storage can't be reached or refuses.

    Attributes:
        url: as it was given, for messages.
        filesystem: fsspec's file system.
        path: the root in that file system's own words, without a slash at its end.
    """

    url: str
    filesystem: Any
    path: str
    _reading: StorageCalls = field(init=False, repr=False, compare=False)

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

    def __post_init__(self) -> None:
        """Have S3 say soon that it does not answer; what fsspec's own configuration says comes first."""
        object.__setattr__(self, "_reading", StorageCalls(self.filesystem))
        if self._is_s3:
            self.filesystem.read_timeout = _S3_ANSWER_SECONDS
            self.filesystem.retries = _S3_ATTEMPTS
            attempts = {"mode": "standard", "total_max_attempts": _S3_ATTEMPTS}
            self.filesystem.config_kwargs.setdefault("retries", attempts)

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
                content: bytes = self._reading.call("cat_file", self._at(path), timeout_seconds=_READ_SECONDS)
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
        with self._writing(path):
            self.filesystem.pipe_file(self._at(path), content, **self._condition(only_over))

    def download(self, path: str, file: Path) -> None:
        """Copy a file to this machine.

        Raises:
            FileNotFoundError: it does not exist.
        """
        with self.reaching(path):
            self._reading.call("get_file", self._at(path), str(file))

    def stop_reading(self) -> None:
        """Have whoever reads from a remote root hear Unavailable, now and from now on: this process has to end."""
        self._reading.give_up()

    def upload(self, file: Path, path: str) -> None:
        """Copy a file of this machine into the root."""
        with self._writing(path):
            self.filesystem.makedirs(self._at(path).rpartition("/")[0], exist_ok=True)
            self.filesystem.put_file(str(file), self._at(path))

    def remove(self, path: str) -> None:
        """Remove a file."""
        with self.reaching(path):
            self.filesystem.rm_file(self._at(path))

    def snapshot_ids(self) -> list[str]:
        """Return the name of every folder that a snapshot has or had, by time of building."""
        if self.folder is not None:  # also those that can't be looked into
            return self._local_snapshot_ids(self.folder / SNAPSHOTS)
        places = (path.partition("/") for path in self._found_below(SNAPSHOTS))
        return sorted({name for name, inside, _ in places if inside and is_snapshot_id(name)})

    def files_of(self, snapshot_id: str) -> dict[str, int]:
        """Return what lies in a snapshot's folder, if there is one: paths relative to that, and sizes in bytes."""
        return {path: facts["size"] for path, facts in self._found_below(snapshot_path(snapshot_id)).items()}

    def written_at(self) -> dict[str, float]:
        """Return when the last file in each snapshot's folder was written, and when CURRENT was.

        By the storage's clock, in seconds since 1970; what it does not tell is missing.
        """
        latest: dict[str, float] = {}
        for path, facts in self._found_below("").items():
            above, _, inside = path.partition("/")
            name, written_at = inside.partition("/")[0] if above == SNAPSHOTS else above, _written_at(facts)
            if written_at is not None:
                latest[name] = max(written_at, latest.get(name, written_at))
        return latest

    @contextmanager
    def reaching(self, path: str) -> Iterator[None]:
        """Let a block reach for a file: what the storage raises becomes Unavailable, but for FileNotFoundError."""
        try:
            yield
        except FileNotFoundError:
            raise
        except self._faults as error:
            raise Unavailable(f"{self.url}/{path}: {str(error) or 'no answer in time'}") from error

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        """Let a block make a file: that there is no such place, a bucket say, becomes Unavailable, too."""
        try:
            with self.reaching(path):
                yield
        except FileNotFoundError as error:
            raise Unavailable(f"{self.url}/{path}: there is no such place: {error}") from error

    def _local_snapshot_ids(self, folder: Path) -> list[str]:
        try:
            with self.reaching(SNAPSHOTS):
                return sorted(each.name for each in folder.iterdir() if is_snapshot_id(each.name) and each.is_dir())
        except FileNotFoundError:
            return []

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
        from aiohttp import ClientError  # noqa: PLC0415 - they are there only where S3 is used
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        return (OSError, BotoCoreError, ResponseParserError, ClientError)

    def _at(self, path: str) -> str:
        return f"{self.path}/{path}"

    def _found_below(self, folder: str) -> dict[str, dict[str, Any]]:
        """Return what is known of the files below a folder, by their path in it: `size`, and what fsspec tells."""
        if self.folder is not None:
            with self.reaching(folder):
                return _found_on_disk(self.folder / folder)
        above = self._at(folder).strip("/") + "/"
        self.filesystem.invalidate_cache()  # an object store's listing is remembered, and others write there, too
        try:
            with self.reaching(folder):
                found = self._reading.call("find", self._at(folder), detail=True)
        except FileNotFoundError:
            return {}
        return {path.strip("/").removeprefix(above): facts for path, facts in found.items()}


def _found_on_disk(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the files below a folder, by their path in it; fsspec would pass over folders that it can't list."""
    found = {}
    for above, _, names in os.walk(folder, onerror=_raise_unless_gone):
        for path in (Path(above, name) for name in names):
            found[path.relative_to(folder).as_posix()] = {"size": _size_bytes(path)}
    return found


def _size_bytes(path: Path) -> int:
    """Return a file's size; 0 for a link that leads nowhere."""
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _raise_unless_gone(error: OSError) -> None:
    """Raise what keeps a folder from being listed, unless that is not there."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _written_at(facts: dict[str, Any]) -> float | None:
    """Return when a file was written: S3 tells a date, fsspec's memory seconds."""
    written_at = facts.get("LastModified", facts.get("created"))
    if isinstance(written_at, datetime):
        return written_at.timestamp()
    return written_at if isinstance(written_at, float) else None
