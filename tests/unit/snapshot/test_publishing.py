"""Publishing: all or nothing, whatever dies when."""

import os
import shutil
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from services.common.errors import FailedPrecondition, SnapshotInvalid, Unavailable
from services.snapshot.publishing import publish, stamped
from services.snapshot.root import SnapshotRoot
from services.snapshot.sharing import own_files
from services.snapshot.store import SnapshotStore
from tests.support.crashes import killed_at_step
from tests.support.drafts import write_draft


def _assert_readable(store: SnapshotStore) -> str:
    """Check every file of the current snapshot and return its id."""
    manifest = store.manifest()
    for entry in own_files(manifest):
        store.fetch(manifest, entry)
    return manifest.snapshot_id


def test_a_crash_at_any_step_leaves_the_last_good_snapshot(tmp_path: Path) -> None:
    """Killed before each single file operation, a publisher never leaves a reader with less than a whole snapshot."""
    clean = tmp_path / "clean"
    first = write_draft(clean / "first")
    publish(clean / "root", clean / "first", first)
    second = write_draft(clean / "draft", b"new vectors")
    seen = []
    for step in count(1):
        case = tmp_path / f"step-{step}"
        shutil.copytree(clean, case)
        finished = killed_at_step(case, partial(publish, case / "root", case / "draft", second), step)
        seen.append(_assert_readable(SnapshotStore(case / "root")))
        shutil.rmtree(case / "draft", ignore_errors=True)
        again = write_draft(case / "draft", b"newer vectors")
        publish(case / "root", case / "draft", again)
        assert _assert_readable(SnapshotStore(case / "root")) == again.snapshot_id
        if finished:
            break
    # Only after CURRENT was replaced is the new one seen: when its copy and the last flush are missing, and at the end.
    assert len(seen) > 10
    assert seen == [first.snapshot_id] * (len(seen) - 3) + [second.snapshot_id] * 3


def test_bytes_are_on_the_disk_before_their_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A power cut after the rename must not find a snapshot whose files were still in memory."""
    manifest = write_draft(tmp_path / "draft")
    steps: list[str] = []
    flush, rename, replace = os.fsync, Path.rename, Path.replace

    def record_flush(descriptor: int) -> None:
        steps.append("flush " + os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))  # noqa: PTH119, PTH115
        flush(descriptor)

    def record_rename(path: Path, target: Path) -> Path:
        steps.append(f"rename {path.name}")
        return rename(path, target)

    def record_replace(path: Path, target: Path) -> Path:
        steps.append(f"replace {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", record_flush)
    monkeypatch.setattr(Path, "rename", record_rename)
    monkeypatch.setattr(Path, "replace", record_replace)
    publish(tmp_path / "root", tmp_path / "draft", manifest)
    renamed, replaced = steps.index("rename draft"), steps.index("replace CURRENT")
    written = {"index.faiss", "items.arrow", "golden.arrow", "manifest.json", "shoes", "draft"}
    assert {f"flush {name}" for name in written} <= set(steps[:renamed])
    assert steps[renamed + 1 : replaced] == ["flush snapshots", "flush .CURRENT.next", "flush .CURRENT.copy.next"]
    assert steps[replaced + 1 :] == ["replace CURRENT.copy", "flush root"]


@pytest.mark.parametrize("failing_step", range(5))
def test_a_failed_upload_leaves_the_last_good_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_step: int
) -> None:
    """On an object store the manifest goes last and CURRENT after it, so a failure anywhere changes nothing."""
    url = f"memory://{uuid.uuid4().hex}"
    first, second = write_draft(tmp_path / "first"), write_draft(tmp_path / "second", b"new vectors")
    publish(url, tmp_path / "first", first)
    steps = count()

    def failing(method: Any) -> Any:
        def step(*arguments: Any, **options: Any) -> Any:
            if next(steps) == failing_step:
                raise OSError("the connection is gone")
            return method(*arguments, **options)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(MemoryFileSystem, "put_file", failing(MemoryFileSystem.put_file))
        patch.setattr(MemoryFileSystem, "pipe_file", failing(MemoryFileSystem.pipe_file))
        with pytest.raises(Unavailable, match="the connection is gone"):
            publish(url, tmp_path / "second", second)
    store = SnapshotStore(url, cache_dir=tmp_path / "cache")
    assert _assert_readable(store) == first.snapshot_id
    publish(url, tmp_path / "second", second)
    assert _assert_readable(store) == second.snapshot_id


def test_an_incomplete_draft_is_not_published(tmp_path: Path) -> None:
    """A file that the manifest names and the draft lacks stops everything before it begins."""
    manifest = write_draft(tmp_path / "draft")
    (tmp_path / "draft" / "shoes" / "items.arrow").unlink()
    with pytest.raises(SnapshotInvalid, match=r"items\.arrow"):
        publish(tmp_path / "root", tmp_path / "draft", manifest)
    assert not (tmp_path / "root").exists()


def test_earlier_snapshots_stay(tmp_path: Path) -> None:
    """A searcher that still serves the previous snapshot keeps its files."""
    first, second = write_draft(tmp_path / "first"), write_draft(tmp_path / "second", b"new vectors")
    publish(tmp_path / "root", tmp_path / "first", first)
    publish(tmp_path / "root", tmp_path / "second", second)
    store = SnapshotStore(tmp_path / "root")
    assert store.current_id() == second.snapshot_id
    assert store.fetch(first, first.shards[0].segments[0].index.file).read_bytes() == b"vectors"


def test_the_same_snapshot_twice_is_one(tmp_path: Path) -> None:
    """Two builds of the same input within a second have the same id; the second changes nothing."""
    for name in ("first", "second"):
        manifest = write_draft(tmp_path / name)
        publish(tmp_path / "root", tmp_path / name, manifest)
    assert [path.name for path in (tmp_path / "root" / "snapshots").iterdir()] == [manifest.snapshot_id]
    assert _assert_readable(SnapshotStore(tmp_path / "root")) == manifest.snapshot_id


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _prune(folder: Path) -> None:
    """Leave what pruning leaves of a snapshot whose files others share."""
    (folder / "manifest.json").unlink()
    (folder / "shoes" / "index.faiss").unlink()


def _link(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to("nowhere")


@pytest.mark.parametrize(
    "spoil",
    [
        _empty,
        _prune,
        lambda folder: (folder / "shoes" / "items.arrow").write_bytes(b"other"),
        lambda folder: (folder / "manifest.json").write_text("torn"),
        _link,
    ],
    ids=["empty", "pruned", "damaged", "torn", "link"],
)
def test_a_name_that_something_else_has_is_not_taken(tmp_path: Path, spoil: Callable[[Path], object]) -> None:
    """What lies there stays as it is, and the snapshot is whole under the name of a second later."""
    root = tmp_path / "root"
    manifest = publish(root, tmp_path / "first", write_draft(tmp_path / "first"))
    folder = root / "snapshots" / manifest.snapshot_id
    spoil(folder)
    before = sorted(path.relative_to(folder) for path in folder.rglob("*"))
    later = publish(root, tmp_path / "second", write_draft(tmp_path / "second"))
    assert later.created_at == "2026-01-31T12:00:01Z"
    assert later == SnapshotStore(root).manifest()
    assert _assert_readable(SnapshotStore(root)) == later.snapshot_id
    assert sorted(path.relative_to(folder) for path in folder.rglob("*")) == before


@pytest.mark.parametrize("goes", ["shoes/index.faiss", "manifest.json"])
def test_what_goes_again_while_it_is_uploaded_does_not_become_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, goes: str
) -> None:
    """Another machine prunes what it takes for given up; the same command again publishes."""
    url = f"memory://{uuid.uuid4().hex}"
    first = publish(url, tmp_path / "first", write_draft(tmp_path / "first"))
    second = write_draft(tmp_path / "second", b"new vectors")
    write = SnapshotRoot.write

    def write_and_prune(root: SnapshotRoot, path: str, content: bytes, **condition: Any) -> None:
        write(root, path, content, **condition)
        root.remove(f"snapshots/{second.snapshot_id}/{goes}")

    with monkeypatch.context() as patch:
        patch.setattr(SnapshotRoot, "write", write_and_prune)
        with pytest.raises(Unavailable, match=rf"{goes} has gone again: .* the same command again"):
            publish(url, tmp_path / "second", second)
    store = SnapshotStore(url, cache_dir=tmp_path / "cache")
    assert _assert_readable(store) == first.snapshot_id
    publish(url, tmp_path / "second", second)
    assert _assert_readable(store) == second.snapshot_id


def test_ids_sort_by_time_and_tell_content_apart(tmp_path: Path) -> None:
    """The id begins with UTC time whatever the clock's zone, and ends with the content's digest."""
    manifest = write_draft(tmp_path / "first")
    moment = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    early = stamped(manifest, moment)
    assert early.snapshot_id.startswith("20251231T230000Z-")
    assert early.created_at == "2025-12-31T23:00:00Z"
    assert early.snapshot_id < manifest.snapshot_id
    assert early.snapshot_id[-12:] == manifest.snapshot_id[-12:]
    assert write_draft(tmp_path / "second", b"new vectors").snapshot_id[-12:] != manifest.snapshot_id[-12:]


def test_an_id_sorts_behind_that_of_what_it_replaces(tmp_path: Path) -> None:
    """Also when the clock stands still or goes wrong; an id without a time says nothing."""
    manifest = write_draft(tmp_path / "first")
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert stamped(manifest, moment, after="20260101T000000Z-0").created_at == "2026-01-01T00:00:01Z"
    assert stamped(manifest, moment, after="20271231T235959Z-0").created_at == "2028-01-01T00:00:00Z"
    assert stamped(manifest, moment, after="20251231T000000Z-0") == stamped(manifest, moment, after="another")
    with pytest.raises(FailedPrecondition, match=r"later than 99991231T235959Z-0: go back to an earlier one"):
        stamped(manifest, moment, after="99991231T235959Z-0")
