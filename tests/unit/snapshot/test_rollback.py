"""Rolling back: to the snapshot before or to a named one, but only to one that is sound."""

from pathlib import Path

import pytest

from services.common.errors import FailedPrecondition, SnapshotInvalid, SnapshotNotFound, Unavailable
from services.snapshot import rollback
from services.snapshot.current import replace_current
from services.snapshot.history import kept_snapshots
from services.snapshot.manifest import Manifest
from services.snapshot.publishing import publish
from services.snapshot.rollback import roll_back
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from services.snapshot.writer_lock import sole_writer
from tests.support.drafts import write_draft


@pytest.fixture
def snapshots(tmp_path: Path) -> tuple[Manifest, Manifest, Manifest]:
    """One of a whole catalogue, another one, and a change of that."""
    first = write_draft(tmp_path / "first", age_seconds=9)
    second = write_draft(tmp_path / "second", b"other vectors", age_seconds=5)
    third = write_draft(tmp_path / "third", b"new vectors", parent=second.snapshot_id, shared_from=second)
    for name, manifest in (("first", first), ("second", second), ("third", third)):
        publish(tmp_path / "root", tmp_path / name, manifest)
    return first, second, third


def _roll_back(folder: Path, snapshot_id: str = "", fault: str = "") -> Manifest:
    def verify(manifest: Manifest) -> None:
        assert manifest.snapshot_id
        if fault:
            raise SnapshotInvalid(fault)

    return roll_back(str(folder / "root"), snapshot_id, verify, work_root=folder / "work")


def test_back_step_by_step_and_on_to_any_other(tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest]) -> None:
    """To the parent; from a whole build to the one before it; from the first to none. With an id also forward again."""
    first, second, third = snapshots
    store = SnapshotStore(tmp_path / "root")
    assert _roll_back(tmp_path) == store.manifest() == second
    assert _roll_back(tmp_path) == store.manifest() == first
    with pytest.raises(FailedPrecondition, match=f"no snapshot before {first.snapshot_id}.*aisle snapshot list"):
        _roll_back(tmp_path)
    assert _roll_back(tmp_path, third.snapshot_id) == store.manifest() == third


def test_what_is_no_snapshot_is_passed_over(tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest]) -> None:
    """The parent was pruned, and its folder has what its children share."""
    first, second, _ = snapshots
    (tmp_path / "root" / "snapshots" / second.snapshot_id / "manifest.json").unlink()
    assert _roll_back(tmp_path) == SnapshotStore(tmp_path / "root").manifest() == first


def test_nothing_changes_when_it_is_not_sound_or_not_there(
    tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest]
) -> None:
    """The current one serves on."""
    with pytest.raises(SnapshotInvalid, match="a flipped bit"):
        _roll_back(tmp_path, fault="a flipped bit")
    with pytest.raises(SnapshotNotFound, match="20200101T000000Z-0"):
        _roll_back(tmp_path, "20200101T000000Z-0")
    assert SnapshotStore(tmp_path / "root").manifest() == snapshots[2]


@pytest.mark.parametrize("content", [b"", b"../..\n", None], ids=["empty", "damaged", "missing"])
def test_it_mends_a_current_that_is_damaged_or_lost(
    tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest], content: bytes | None
) -> None:
    """`list` shows what there is and what is wrong, and a snapshot that is named becomes current."""
    path = tmp_path / "root" / "CURRENT"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    history = kept_snapshots(str(tmp_path / "root"))
    assert [(each.snapshot_id, each.is_current) for each in history.kept] == [
        (manifest.snapshot_id, False) for manifest in snapshots
    ]
    assert "aisle snapshot rollback" in history.problem
    with pytest.raises((SnapshotInvalid, SnapshotNotFound), match="aisle snapshot rollback"):
        _roll_back(tmp_path)
    assert _roll_back(tmp_path, snapshots[0].snapshot_id) == snapshots[0]
    assert kept_snapshots(str(tmp_path / "root")).problem == ""


def test_it_mends_a_current_that_can_t_be_read(
    tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody has taken away the right to read it; it is replaced all the same, and `list` says what is wrong."""
    url, read = str(tmp_path / "root"), SnapshotRoot.read

    def forbidden(root: SnapshotRoot, path: str) -> bytes | None:
        if path == "CURRENT":
            raise Unavailable("CURRENT: Permission denied")
        return read(root, path)

    with monkeypatch.context() as patch:
        patch.setattr(SnapshotRoot, "read", forbidden)
        history = kept_snapshots(url)
        assert (len(history.kept), history.problem) == (3, "CURRENT: Permission denied")
        assert _roll_back(tmp_path, snapshots[0].snapshot_id) == snapshots[0]
    assert SnapshotStore(url).manifest() == snapshots[0]


def test_a_current_that_names_nothing_is_said(tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest]) -> None:
    """An id without a snapshot is no current one."""
    (tmp_path / "root" / "CURRENT").write_text("20200101T000000Z-0\n")
    assert kept_snapshots(str(tmp_path / "root")).problem.startswith(
        "CURRENT names 20200101T000000Z-0, but there is no"
    )
    assert _roll_back(tmp_path, snapshots[1].snapshot_id) == snapshots[1]


def test_others_write_while_it_verifies(tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest]) -> None:
    """Reading every byte takes minutes; who publishes meanwhile is not replaced unseen."""

    def verify(_: Manifest) -> None:
        with sole_writer(str(tmp_path / "root"), tmp_path / "work") as root:
            replace_current(root, snapshots[0].snapshot_id)

    with pytest.raises(FailedPrecondition, match=f"{snapshots[2].snapshot_id} was .* {snapshots[0].snapshot_id} has"):
        roll_back(str(tmp_path / "root"), snapshots[1].snapshot_id, verify, work_root=tmp_path / "work")


def test_what_is_pruned_in_the_last_moment_does_not_stay_current(
    tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine, whom no lock keeps away: the snapshot before is current again."""

    def switch_and_prune(root: SnapshotRoot, snapshot_id: str, **condition: str) -> None:
        replace_current(root, snapshot_id, **condition)
        (tmp_path / "root" / "snapshots" / snapshots[1].snapshot_id / "manifest.json").unlink(missing_ok=True)

    monkeypatch.setattr(rollback, "replace_current", switch_and_prune)
    with pytest.raises(SnapshotNotFound, match=snapshots[1].snapshot_id):
        _roll_back(tmp_path)
    assert SnapshotStore(tmp_path / "root").manifest() == snapshots[2]
