"""Rolling back: to the parent or to a named snapshot, but only to one that is sound."""

from pathlib import Path

import pytest

from services.common.errors import FailedPrecondition, SnapshotInvalid, SnapshotNotFound
from services.snapshot.manifest import Manifest
from services.snapshot.publishing import publish
from services.snapshot.rollback import roll_back
from services.snapshot.store import SnapshotStore
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


def test_back_to_the_parent_and_on_to_any_other(tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest]) -> None:
    """Also forward again."""
    first, second, third = snapshots
    store = SnapshotStore(tmp_path / "root")
    assert _roll_back(tmp_path) == store.manifest() == second
    with pytest.raises(FailedPrecondition, match="no parent: name the snapshot"):
        _roll_back(tmp_path)
    assert _roll_back(tmp_path, first.snapshot_id) == store.manifest() == first
    assert _roll_back(tmp_path, third.snapshot_id) == store.manifest() == third


def test_nothing_changes_when_it_is_not_sound_or_not_there(
    tmp_path: Path, snapshots: tuple[Manifest, Manifest, Manifest]
) -> None:
    """The current one serves on."""
    with pytest.raises(SnapshotInvalid, match="a flipped bit"):
        _roll_back(tmp_path, fault="a flipped bit")
    with pytest.raises(SnapshotNotFound, match="20200101T000000Z-0"):
        _roll_back(tmp_path, "20200101T000000Z-0")
    assert SnapshotStore(tmp_path / "root").manifest() == snapshots[2]
