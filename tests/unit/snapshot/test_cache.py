"""The cache of a remote root: what a killed download left goes, what a live one holds stays."""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from services.common.errors import SnapshotInvalid, Unavailable
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


def _folder(path: Path) -> None:
    path.mkdir()
    (path / "inner").write_text("not ours")


@pytest.mark.parametrize(
    "put",
    [_folder, lambda path: path.symlink_to(path), lambda path: path.symlink_to("nowhere"), os.mkfifo],
    ids=["folder", "loop", "dangling", "pipe"],
)
@pytest.mark.parametrize("trusted", [True, False])
def test_whatever_lies_in_a_copy_s_place_gives_way(
    tmp_path: Path, put: Callable[[Path], object], *, trusted: bool
) -> None:
    """The cache heals itself: nobody has to find out what is wrong with it."""
    source = tmp_path / "source"
    source.write_bytes(b"vectors")
    entry, cache = file_entry(tmp_path, source), DigestCache(tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    put(tmp_path / "cache" / entry.sha256)
    cached = cache.fetch(entry, "source", _downloads(b"vectors"), trusted=trusted)
    assert cached.read_bytes() == b"vectors"


def test_what_is_not_the_cache_s_keeps_nobody_from_reading(tmp_path: Path) -> None:
    """A folder, a link in a circle and a file with the name of a download are passed over."""
    _folder(tmp_path / "folder")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / ".download-loop").symlink_to(".download-loop")
    (tmp_path / ".download-file").write_text("a file")
    (tmp_path / "old").write_bytes(b"vectors")
    for name in ("folder", ".download-file", "old"):
        _aged(tmp_path / name)
    DigestCache(tmp_path).tidy(())
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "loop", ".download-loop", ".download-file"}


def test_a_cache_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    """What is to be looked at is on this machine; in the same words each time, so that it is said once."""
    source = tmp_path / "source"
    source.write_bytes(b"vectors")
    entry, cache = file_entry(tmp_path, source), DigestCache(tmp_path / "cache")

    def full(file: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(file))

    def full_too(_: Path) -> None:
        raise Unavailable("s3://shop/index.faiss: [Errno 28] No space left on device")

    for download, words in (
        (full, f"the cache folder {tmp_path}/cache: No space left on device"),
        (full_too, f"s3://shop/index.faiss: [Errno 28] No space left on device (to be copied to {tmp_path}/cache)"),
    ):
        for _ in range(2):
            with pytest.raises(Unavailable) as refusal:
                cache.fetch(entry, "source", download, trusted=True)
            assert refusal.value.message == words
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(Unavailable, match=f"the cache folder {tmp_path}/cache: File exists"):
        cache.fetch(entry, "source", _downloads(b"vectors"), trusted=True)
