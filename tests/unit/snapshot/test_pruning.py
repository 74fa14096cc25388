"""Pruning keeps the last snapshots, the current one, and every file that they share; and what it can't judge."""

import json
import uuid
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from services.common.errors import FailedPrecondition, SnapshotInvalid, SnapshotNotFound
from services.snapshot.current import replace_current
from services.snapshot.history import kept_snapshots
from services.snapshot.manifest import Manifest
from services.snapshot.pruning import Pruned, prune
from services.snapshot.publishing import publish
from services.snapshot.retention import removal_order, staying
from services.snapshot.root import SnapshotRoot
from services.snapshot.store import SnapshotStore
from tests.support.drafts import write_draft


@pytest.fixture(params=["local", "memory"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A root of either kind."""
    return str(tmp_path / "root") if request.param == "local" else f"memory://{uuid.uuid4().hex}"


def _publish(url: str, folder: Path, number: int, shared_from: Manifest | None = None) -> Manifest:
    draft = folder / f"draft-{number}"
    parent = "" if shared_from is None else shared_from.snapshot_id
    content = b"vectors " + bytes(number)
    manifest = write_draft(draft, content, age_seconds=100 - number, parent=parent, shared_from=shared_from)
    publish(url, draft, manifest)
    return manifest


def _prune(url: str, folder: Path, keep: int, *, dry_run: bool = False) -> Pruned:
    return prune(url, keep, work_root=folder / "work", dry_run=dry_run)


def _hours_pass(url: str, hours: float = 25) -> None:
    """Make the files of snapshots older than CURRENT; nobody asks how old they are on a disk."""
    for path, file in MemoryFileSystem.store.items():
        if path.startswith(f"{url.removeprefix('memory:/')}/snapshots/"):
            file.created -= timedelta(hours=hours)


def _files(url: str, manifest: Manifest) -> set[str]:
    return set(SnapshotRoot.at(url).files_of(manifest.snapshot_id))


def _assert_whole(url: str, manifest: Manifest, folder: Path) -> None:
    store = SnapshotStore(url, cache_dir=folder / "cache")
    for entry in store.manifest(manifest.snapshot_id).files:
        store.fetch(manifest, entry)


def test_the_last_ones_stay(url: str, tmp_path: Path) -> None:
    """What went is gone to its folder, and the bytes are those that were there."""
    first, second, third = (_publish(url, tmp_path, number) for number in range(3))
    size_bytes = kept_snapshots(url).kept[0].own_bytes
    foretold = _prune(url, tmp_path, 2, dry_run=True)
    assert _files(url, first)
    assert _prune(url, tmp_path, 2) == foretold == Pruned((first.snapshot_id,), 4, size_bytes)
    assert SnapshotRoot.at(url).snapshot_ids() == [second.snapshot_id, third.snapshot_id]
    assert _prune(url, tmp_path, 2) == Pruned((), 0, 0)


def test_the_current_one_stays_wherever_it_is(url: str, tmp_path: Path) -> None:
    """Somebody has rolled back to it."""
    first, second, third = (_publish(url, tmp_path, number) for number in range(3))
    replace_current(SnapshotRoot.at(url), first.snapshot_id)
    _hours_pass(url)
    assert _prune(url, tmp_path, 1).snapshot_ids == (second.snapshot_id, third.snapshot_id)
    _assert_whole(url, first, tmp_path)


def test_what_to_go_back_to_stays_before_what_was_gone_back_from(url: str, tmp_path: Path) -> None:
    """Rolled back from a change, the current one's parent is wanted next, and not the change."""
    first = _publish(url, tmp_path, 0)
    second = _publish(url, tmp_path, 1, shared_from=first)
    third = _publish(url, tmp_path, 2, shared_from=second)
    replace_current(SnapshotRoot.at(url), second.snapshot_id)
    _hours_pass(url)
    assert _prune(url, tmp_path, 2).snapshot_ids == (third.snapshot_id,)
    for stays in (first, second):
        _assert_whole(url, stays, tmp_path)


def test_on_an_object_store_what_may_just_become_current_stays_for_a_day(tmp_path: Path) -> None:
    """Its manifest is up, and another machine is about to replace CURRENT; under a local root's lock nobody is."""
    url = f"memory://{uuid.uuid4().hex}"
    first, second = (_publish(url, tmp_path, number) for number in range(2))
    replace_current(SnapshotRoot.at(url), first.snapshot_id)
    _hours_pass(url, 23)
    assert _prune(url, tmp_path, 1).snapshot_ids == ()
    _hours_pass(url, 2)
    assert _prune(url, tmp_path, 1).snapshot_ids == (second.snapshot_id,)


def test_shared_files_stay_as_long_as_somebody_has_them(url: str, tmp_path: Path) -> None:
    """The manifest goes, and what nobody else has; the rest goes with the last that shares it."""
    first = _publish(url, tmp_path, 0)
    second = _publish(url, tmp_path, 1, shared_from=first)
    pruned = _prune(url, tmp_path, 1)
    assert (pruned.snapshot_ids, pruned.files) == ((first.snapshot_id,), 2)
    assert _files(url, first) == {"shoes/items.arrow", "shoes/golden.arrow"}
    _assert_whole(url, second, tmp_path)
    with pytest.raises(SnapshotNotFound):
        SnapshotStore(url).manifest(first.snapshot_id)
    (remains, _) = kept_snapshots(url).kept
    assert (remains.manifest, remains.own_bytes) == (None, len(b"items") + len(b"golden"))
    third = _publish(url, tmp_path, 2)
    _hours_pass(url)
    pruned = _prune(url, tmp_path, 1)
    assert (pruned.snapshot_ids, pruned.files) == ((second.snapshot_id,), 4)
    assert SnapshotRoot.at(url).snapshot_ids() == [third.snapshot_id]


def test_an_upload_that_has_not_ended_stays_for_a_day(tmp_path: Path) -> None:
    """Another machine may be at it, whatever the clocks of both say: its manifest comes last."""
    url = f"memory://{uuid.uuid4().hex}"
    _publish(url, tmp_path, 0)
    root = SnapshotRoot.at(url)
    root.write("snapshots/20200201T130000Z-0123456789ab/shoes/index.faiss", b"half")
    _hours_pass(url, 23)
    assert _prune(url, tmp_path, 1) == Pruned((), 0, 0)
    _hours_pass(url, 2)
    assert _prune(url, tmp_path, 1) == Pruned((), 1, 4)


def test_where_the_storage_does_not_tell_when_nothing_unfinished_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows whether somebody is at it."""
    url = f"memory://{uuid.uuid4().hex}"
    _publish(url, tmp_path, 0)
    SnapshotRoot.at(url).write("snapshots/20200201T130000Z-0123456789ab/shoes/index.faiss", b"half")
    monkeypatch.setattr(SnapshotRoot, "written_at", lambda _: {"CURRENT": 2e9})
    assert _prune(url, tmp_path, 1) == Pruned((), 0, 0)


def test_a_stray_file_among_the_snapshots_is_none(url: str, tmp_path: Path) -> None:
    """It has the name of a file and no manifest, and keeps nobody from pruning."""
    first, second = (_publish(url, tmp_path, number) for number in range(2))
    root = SnapshotRoot.at(url)
    root.write("snapshots/notes.txt", b"keep the one of Monday")
    assert root.snapshot_ids() == [first.snapshot_id, second.snapshot_id]
    assert _prune(url, tmp_path, 1).snapshot_ids == (first.snapshot_id,)
    assert root.read("snapshots/notes.txt") is not None


def test_what_a_killed_pruning_left_goes_at_once_from_a_disk(tmp_path: Path) -> None:
    """There, nobody else can be at it: snapshots appear whole, and under the lock."""
    url = str(tmp_path / "root")
    first, _ = (_publish(url, tmp_path, number) for number in range(2))
    (tmp_path / "root" / "snapshots" / first.snapshot_id / "manifest.json").unlink()
    assert _prune(url, tmp_path, 1).files == 3
    assert not (tmp_path / "root" / "snapshots" / first.snapshot_id).exists()


def test_what_becomes_current_while_it_looks_is_looked_at_again(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine publishes between the look at CURRENT and that at the folders, and once more."""
    first, second, third = (_publish(url, tmp_path, number) for number in range(3))
    current = iter([first.snapshot_id[:-1] + "x", "gone"])
    current_id = SnapshotStore.current_id
    monkeypatch.setattr(SnapshotStore, "current_id", lambda store: next(current, None) or current_id(store))
    assert _prune(url, tmp_path, 1).snapshot_ids == (first.snapshot_id, second.snapshot_id)
    _assert_whole(url, third, tmp_path)


def test_a_current_that_names_nothing_removes_nothing(url: str, tmp_path: Path) -> None:
    """Nobody knows what is needed; the remedy is named."""
    _publish(url, tmp_path, 0)
    replace_current(SnapshotRoot.at(url), "20200101T000000Z-0")
    with pytest.raises(SnapshotInvalid, match=r"CURRENT names 20200101T000000Z-0, but .* go back to one that is there"):
        _prune(url, tmp_path, 1)


def test_when_somebody_goes_back_meanwhile_no_more_is_removed(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CURRENT is read again before each snapshot, so the one that was gone back to is whole."""
    first, second, _ = (_publish(url, tmp_path, number) for number in range(3))
    remove = SnapshotRoot.remove

    def overtaken(root: SnapshotRoot, path: str) -> None:
        remove(root, path)
        replace_current(root, second.snapshot_id)

    monkeypatch.setattr(SnapshotRoot, "remove", overtaken)
    with pytest.raises(FailedPrecondition, match=f"{second.snapshot_id} has become current"):
        _prune(url, tmp_path, 1)
    _assert_whole(url, second, tmp_path)
    assert _files(url, first) == set()


def test_what_a_damaged_manifest_shares_is_not_guessed(url: str, tmp_path: Path) -> None:
    """Nothing is removed at all; the manifest is named."""
    first, _, _ = (_publish(url, tmp_path, number) for number in range(3))
    root = SnapshotRoot.at(url)
    root.write(f"snapshots/{first.snapshot_id}/manifest.json", first.to_json().encode()[:-9])
    with pytest.raises(SnapshotInvalid, match=rf"{first.snapshot_id}/manifest\.json: .*nothing is removed"):
        _prune(url, tmp_path, 1)
    assert len(root.snapshot_ids()) == 3
    assert kept_snapshots(url).kept[0].problem.endswith("not a manifest in JSON")


@pytest.mark.parametrize(("version", "goes"), [(2, True), (4, False)])
def test_snapshots_of_other_schemas(url: str, tmp_path: Path, version: int, *, goes: bool) -> None:
    """Those of an older release shared nothing, and go in their turn; those of a newer one nobody here can judge."""
    first, _ = (_publish(url, tmp_path, number) for number in range(2))
    content = json.dumps({**json.loads(first.to_json()), "schema_version": version})
    SnapshotRoot.at(url).write(f"snapshots/{first.snapshot_id}/manifest.json", content.encode())
    if goes:
        assert _prune(url, tmp_path, 1).snapshot_ids == (first.snapshot_id,)
    else:
        with pytest.raises(SnapshotInvalid, match="schema version 4"):
            _prune(url, tmp_path, 1)


def test_a_root_with_a_typing_error_is_not_made(tmp_path: Path) -> None:
    """Nothing is there, and nothing is there afterwards."""
    with pytest.raises(SnapshotNotFound):
        _prune(str(tmp_path / "rot"), tmp_path, 1)
    assert not (tmp_path / "rot").exists()
    assert fsspec.filesystem("file").exists(str(tmp_path))


@pytest.mark.parametrize(
    ("current", "keep", "parents", "expected"),
    [
        ("d", 2, {}, "cd"),
        ("b", 1, {}, "b"),
        ("b", 3, {}, "abd"),
        ("d", 2, {"d": "b"}, "bd"),
        ("c", 3, {"d": "c", "c": "b", "b": "a"}, "abc"),
        ("c", 9, {}, "abcd"),
    ],
)
def test_the_current_one_stays_then_its_ancestors_then_the_latest(
    current: str, keep: int, parents: dict[str, str], expected: str
) -> None:
    """As many as are wanted, and never more."""
    assert staying("abcd", current, keep, parents) == set(expected)


def test_a_manifest_goes_first() -> None:
    """From then on it is no snapshot any more."""
    assert removal_order({"a/index.faiss", "manifest.json", "z"}) == ["manifest.json", "a/index.faiss", "z"]
