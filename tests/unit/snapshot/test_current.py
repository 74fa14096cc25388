"""CURRENT changes in one step, and a change of one snapshot never replaces another."""

import shutil
import uuid
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from structlog.testing import capture_logs

from services.common.errors import FailedPrecondition, SnapshotInvalid, SnapshotNotFound, Unavailable
from services.snapshot import current
from services.snapshot.current import current_to_begin_with, found_current, read_current, replace_current
from services.snapshot.publishing import publish
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from tests.support.crashes import killed_at_step
from tests.support.drafts import write_draft


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> SnapshotRoot:
    """A root of either kind."""
    (tmp_path / "root").mkdir()
    return SnapshotRoot.at(tmp_path / "root" if request.param == "local" else f"memory://{uuid.uuid4().hex}")


def test_nothing_is_current_at_first(root: SnapshotRoot) -> None:
    """And then what was put there last."""
    assert read_current(root) is None
    replace_current(root, "one")
    replace_current(root, "two")
    assert read_current(root) == "two"


def test_what_is_not_expected_is_not_replaced(root: SnapshotRoot) -> None:
    """Both are named, and what to do."""
    replace_current(root, "one")
    replace_current(root, "two", instead_of="one")
    with pytest.raises(
        FailedPrecondition, match="snapshot one was current when this began, but meanwhile snapshot two has"
    ):
        replace_current(root, "three", instead_of="one")
    assert read_current(root) == "two"


def test_where_there_must_be_none_none_is_replaced(root: SnapshotRoot) -> None:
    """Two first builds at once are one first build and one that is told."""
    replace_current(root, "one", instead_of=None)
    with pytest.raises(FailedPrecondition, match="no snapshot was current when this began, but meanwhile snapshot one"):
        replace_current(root, "two", instead_of=None)
    assert read_current(root) == "one"


def test_the_copy_is_that_of_the_last_step_whoever_writes_it_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two machines one makes its whole step between the other's step and its copy."""
    root = SnapshotRoot.at(f"memory://{uuid.uuid4().hex}")
    replace_current(root, "one")
    write, is_faster = SnapshotRoot.write, iter([True])

    def overtaken(self: SnapshotRoot, path: str, content: bytes, **condition: Any) -> None:
        if path == "CURRENT.copy" and next(is_faster, False):
            replace_current(root, "three", instead_of="two")
        write(self, path, content, **condition)

    monkeypatch.setattr(SnapshotRoot, "write", overtaken)
    replace_current(root, "two", instead_of="one")
    assert (root.read("CURRENT"), root.read("CURRENT.copy")) == (b"three\n", b"three\n")


def test_a_damaged_one_can_be_replaced_by_those_who_go_on_without(root: SnapshotRoot) -> None:
    """Whoever expects something of it hears what is wrong, and what mends it."""
    root.write("CURRENT", b"../..")
    with pytest.raises(
        SnapshotInvalid, match=r"CURRENT: '\.\./\.\.' is not a snapshot id; `aisle snapshot rollback ID`"
    ):
        replace_current(root, "one", instead_of="none")
    replace_current(root, "one", instead_of=found_current(root))
    assert found_current(root) == "one"


def test_a_change_that_was_overtaken_publishes_nothing(tmp_path: Path) -> None:
    """Not even its files: it is refused before the first of them is moved."""
    first, other = write_draft(tmp_path / "first"), write_draft(tmp_path / "other", b"other vectors")
    publish(tmp_path / "root", tmp_path / "first", first)
    publish(tmp_path / "root", tmp_path / "other", other)
    late = write_draft(tmp_path / "late", b"late vectors", parent=first.snapshot_id)
    with pytest.raises(
        FailedPrecondition, match=f"{first.snapshot_id} was .*, but meanwhile snapshot {other.snapshot_id}"
    ):
        publish(tmp_path / "root", tmp_path / "late", late)
    assert SnapshotStore(tmp_path / "root").current_id() == other.snapshot_id
    assert len(list((tmp_path / "root" / "snapshots").iterdir())) == 2


def test_a_change_that_is_overtaken_while_it_uploads_does_not_become_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its manifest lies there and nobody reads it; the other writer's snapshot stays."""
    url = f"memory://{uuid.uuid4().hex}"
    first = write_draft(tmp_path / "first")
    publish(url, tmp_path / "first", first)
    late = write_draft(tmp_path / "late", b"late vectors", parent=first.snapshot_id)
    put_file = MemoryFileSystem.put_file

    def overtake(*arguments: Any, **options: Any) -> None:
        replace_current(SnapshotRoot.at(url), "another")
        put_file(*arguments, **options)

    monkeypatch.setattr(MemoryFileSystem, "put_file", overtake)
    with pytest.raises(FailedPrecondition, match="meanwhile snapshot another has become"):
        publish(url, tmp_path / "late", late)
    assert read_current(SnapshotRoot.at(url)) == "another"


def test_a_shared_file_must_be_there(tmp_path: Path) -> None:
    """In the size that the manifest says; the file is named."""
    first = write_draft(tmp_path / "first")
    publish(tmp_path / "root", tmp_path / "first", first)
    second = write_draft(tmp_path / "second", b"new", parent=first.snapshot_id, shared_from=first)
    path = tmp_path / "root" / "snapshots" / first.snapshot_id / "shoes" / "items.arrow"
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(SnapshotInvalid, match=f"{first.snapshot_id}/shoes/items.arrow: this file"):
        publish(tmp_path / "root", tmp_path / "second", second)
    path.write_bytes(content)
    publish(tmp_path / "root", tmp_path / "second", second)
    assert SnapshotStore(tmp_path / "root").manifest() == second


@pytest.fixture
def rolled_back(root: SnapshotRoot, tmp_path: Path) -> str:
    """A root with two snapshots, of which the first is current again; returns its id."""
    first = write_draft(tmp_path / "first")
    publish(root.url, tmp_path / "first", first)
    second = write_draft(tmp_path / "second", b"new vectors", parent=first.snapshot_id)
    publish(root.url, tmp_path / "second", second)
    replace_current(root, first.snapshot_id, instead_of=second.snapshot_id)
    return first.snapshot_id


def test_no_flipped_bit_of_current_changes_what_a_process_begins_with(root: SnapshotRoot, rolled_back: str) -> None:
    """It is no id, or one of no snapshot; never is it what was gone back from."""
    line = (rolled_back + "\n").encode()
    begun = set()
    with capture_logs() as logged:
        for bit in range(8 * len(line)):
            flipped = bytearray(line)
            flipped[bit // 8] ^= 1 << bit % 8
            root.write("CURRENT", bytes(flipped))
            begun.add(current_to_begin_with(root))
    assert begun == {rolled_back}
    assert {line["event"] for line in logged} == {"current_unreadable", "current_names_nothing"}
    assert {line["beginning_with"] for line in logged} == {rolled_back}


@pytest.mark.parametrize("content", [None, b"", b"\0" * 30, b"x" * 5_000])
def test_a_lost_or_overwritten_current_does_not_either(
    root: SnapshotRoot, rolled_back: str, content: bytes | None
) -> None:
    """Whoever serves already and those who change something are told, and how it is mended."""
    root.remove("CURRENT") if content is None else root.write("CURRENT", content)
    assert current_to_begin_with(root) == rolled_back
    with pytest.raises(
        (SnapshotInvalid, SnapshotNotFound), match=f"`aisle snapshot rollback {rolled_back}`"
    ) as refusal:
        current.required_current(root)
    assert len(str(refusal.value)) < 500


def test_a_current_that_can_not_be_read_does_not_either(tmp_path: Path) -> None:
    """A folder in its place, say, or a bad block below it."""
    manifest = publish(tmp_path / "root", tmp_path / "draft", write_draft(tmp_path / "draft"))
    (tmp_path / "root" / "CURRENT").unlink()
    (tmp_path / "root" / "CURRENT").mkdir()
    root = SnapshotRoot.at(tmp_path / "root")
    with pytest.raises(Unavailable):
        read_current(root)
    assert current_to_begin_with(root) == manifest.snapshot_id


@pytest.mark.parametrize("content", [None, b"", b"20260131T1200", b"20200101T000000Z-0123456789ab"])
def test_without_a_sound_copy_nothing_is_guessed(root: SnapshotRoot, rolled_back: str, content: bytes | None) -> None:
    """The latest snapshot may be the one that was gone back from: somebody has to say which it shall be."""
    root.remove("CURRENT.copy") if content is None else root.write("CURRENT.copy", content)
    assert current_to_begin_with(root) == rolled_back
    root.write("CURRENT", b"")
    with pytest.raises(SnapshotInvalid, match="`aisle snapshot rollback ID`"):
        current_to_begin_with(root)


def test_killed_at_any_step_a_rollback_leaves_no_copy_that_names_what_it_goes_back_from(tmp_path: Path) -> None:
    """Where CURRENT has been replaced and is then lost, the other one is never begun with."""
    clean = tmp_path / "clean"
    first = publish(clean, tmp_path / "first", write_draft(tmp_path / "first"))
    publish(clean, tmp_path / "second", write_draft(tmp_path / "second", b"new vectors"))
    copies = set()
    for step in count(1):
        case = tmp_path / f"step-{step}"
        shutil.copytree(clean, case)
        root = SnapshotRoot.at(case)
        finished = killed_at_step(case, partial(replace_current, root, first.snapshot_id), step)
        if read_current(root) == first.snapshot_id:
            copies.add(root.read("CURRENT.copy"))
        if finished:
            break
    assert step > 5
    assert copies == {None, f"{first.snapshot_id}\n".encode()}


def test_a_copy_that_can_not_be_written_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an object store the step is done by then; it is said."""
    root = SnapshotRoot.at(f"memory://{uuid.uuid4().hex}")
    pipe_file = MemoryFileSystem.pipe_file

    def failing(filesystem: MemoryFileSystem, path: str, content: bytes, **options: Any) -> None:
        if path.endswith(".copy"):
            raise OSError("the connection is gone")
        pipe_file(filesystem, path, content, **options)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", failing)
    with capture_logs() as logged:
        replace_current(root, "one")
    assert read_current(root) == "one"
    assert [line["event"] for line in logged] == ["copy_of_current_not_written"]
