"""The cache of a remote root: what a killed download left goes, what a live one holds stays."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from services.common.errors import SnapshotInvalid
from services.snapshot.cache import DigestCache
from services.snapshot.digests import file_entry


def _aged(path: Path) -> Path:
    os.utime(path, (1, 1))
    return path


def _downloads(content: bytes) -> Callable[[Path], None]:
    def download(file: Path) -> None:
        file.write_bytes(content)

    return download


def test_downloads_of_dead_processes_are_removed(tmp_path: Path) -> None:
    """The kernel lets go of a lock with its holder, so what nobody holds is nobody's; a young one may do so yet."""
    held, orphan, young = (tmp_path / f".download-{name}" for name in ("held", "orphan", "young"))
    for folder in (held, orphan, young):
        folder.mkdir()
        (folder / "file").write_bytes(b"half")
    for folder in (held, orphan):
        _aged(folder)
    lock = os.open(held, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)

    DigestCache(tmp_path).tidy(())

    assert {path.name for path in tmp_path.iterdir()} == {held.name, young.name}
    os.close(lock)
    DigestCache(tmp_path).tidy(())
    assert {path.name for path in tmp_path.iterdir()} == {young.name}


def test_a_download_holds_its_lock_until_it_is_verified(tmp_path: Path) -> None:
    """However long it takes, nobody takes it for a dead one's."""
    source = tmp_path / "source"
    source.write_bytes(b"vectors")
    cache = DigestCache(tmp_path / "cache")

    def download(file: Path) -> None:
        _aged(file.parent)
        cache.tidy(())
        file.write_bytes(b"vectors")

    entry = file_entry(tmp_path, source)
    assert cache.fetch(entry, "source", download, trusted=True).read_bytes() == b"vectors"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [entry.sha256]


def test_a_file_that_is_needed_stays_however_old(tmp_path: Path) -> None:
    """And one that is fetched counts as young again."""
    source = tmp_path / "source"
    source.write_bytes(b"vectors")
    entry, cache = file_entry(tmp_path, source), DigestCache(tmp_path / "cache")
    cached = cache.fetch(entry, "source", _downloads(b"vectors"), trusted=True)
    _aged(cached)
    cache.tidy({entry.sha256})
    assert cached.exists()
    cache.fetch(entry, "source", lambda _: pytest.fail("it is here"), trusted=True)
    cache.tidy(())
    assert cached.exists()
    _aged(cached)
    cache.tidy(())
    with pytest.raises(SnapshotInvalid, match="source: 4 bytes"):
        cache.fetch(entry, "source", _downloads(b"half"), trusted=True)
