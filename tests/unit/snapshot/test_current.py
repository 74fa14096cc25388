"""CURRENT changes in one step, and a change of one snapshot never replaces another."""

import uuid
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from services.common.errors import FailedPrecondition, SnapshotInvalid
from services.snapshot.current import found_current, read_current, replace_current
from services.snapshot.publishing import publish
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
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
