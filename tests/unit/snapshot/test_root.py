"""The place that holds snapshots: its faults come in our words, and none of them is passed over."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from services.common.errors import Unavailable
from services.snapshot.history import kept_snapshots
from services.snapshot.manifest import Manifest
from services.snapshot.pruning import prune
from services.snapshot.publishing import publish
from services.snapshot.root import SnapshotRoot
from tests.support.drafts import write_draft


@pytest.fixture
def three(tmp_path: Path) -> tuple[Manifest, ...]:
    """Three snapshots of a local root, the last of which shares files with the first."""
    first = write_draft(tmp_path / "0", b"0", age_seconds=9)
    second = write_draft(tmp_path / "1", b"1", age_seconds=5)
    third = write_draft(tmp_path / "2", b"2", shared_from=first)
    for number, manifest in enumerate((first, second, third)):
        publish(tmp_path / "root", tmp_path / str(number), manifest)
    return first, second, third


@pytest.fixture(params=["", "shoes"])
def unlisted(
    request: pytest.FixtureRequest, tmp_path: Path, three: tuple[Manifest, ...], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The folder of the current snapshot, or one in it, which can't be listed at the moment."""
    folder = tmp_path / "root" / "snapshots" / three[2].snapshot_id / request.param
    scandir = os.scandir

    def forbidden(path: Any = ".") -> Any:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", forbidden)
        yield folder


def test_what_can_t_be_listed_is_not_taken_for_empty(
    tmp_path: Path, three: tuple[Manifest, ...], unlisted: Path
) -> None:
    """Nobody knows what it shares: nothing is removed, and the folder is named."""
    url = str(tmp_path / "root")
    with pytest.raises(Unavailable, match=rf"{three[2].snapshot_id}.*Permission denied: '{unlisted}'"):
        prune(url, 1, work_root=tmp_path / "work")
    assert (tmp_path / "root" / "snapshots" / three[0].snapshot_id / "shoes" / "items.arrow").exists()


def test_the_list_tells_what_can_t_be_listed(tmp_path: Path, three: tuple[Manifest, ...], unlisted: Path) -> None:
    """Beside the others, which can."""
    *others, last = kept_snapshots(str(tmp_path / "root")).kept
    assert [each.manifest for each in others] == list(three[:2])
    assert (last.snapshot_id, last.manifest, last.own_bytes) == (three[2].snapshot_id, None, 0)
    assert str(unlisted) in last.problem


def test_a_snapshot_is_a_folder(tmp_path: Path, three: tuple[Manifest, ...]) -> None:
    """A file that somebody has put beside them is none, and a root without any has none."""
    (tmp_path / "root" / "snapshots" / "notes.txt").write_text("hello")
    root = SnapshotRoot.at(tmp_path / "root")
    assert root.snapshot_ids() == [manifest.snapshot_id for manifest in three]
    assert SnapshotRoot.at(tmp_path / "elsewhere").snapshot_ids() == []


def test_sizes_are_those_of_the_files(tmp_path: Path, three: tuple[Manifest, ...]) -> None:
    """Those of links, too, where they lead to a file."""
    folder = tmp_path / "root" / "snapshots" / three[1].snapshot_id
    (folder / "shoes" / "link").symlink_to(folder / "shoes" / "items.arrow")
    (folder / "lost").symlink_to("nowhere")
    sizes = SnapshotRoot.at(tmp_path / "root").files_of(three[1].snapshot_id)
    assert (sizes.pop("shoes/link"), sizes.pop("lost"), sizes.pop("manifest.json") > 0) == (5, 0, True)
    assert sizes == {"shoes/index.faiss": 1, "shoes/items.arrow": 5, "shoes/golden.arrow": 6}


def test_a_place_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket, say: the storage answers that there is none, and may not say which."""
    root = SnapshotRoot.at(f"memory://{uuid.uuid4().hex}")
    (tmp_path / "file").write_text("content")

    def not_found(*_arguments: Any, **_options: Any) -> None:
        raise FileNotFoundError("The specified bucket does not exist")

    for method in ("pipe_file", "put_file"):
        monkeypatch.setattr(MemoryFileSystem, method, not_found)
    with pytest.raises(Unavailable, match=rf"{root.url}/CURRENT: there is no such place: The specified bucket"):
        root.write("CURRENT", b"content")
    with pytest.raises(Unavailable, match=rf"{root.url}/a/file: there is no such place: The specified bucket"):
        root.upload(tmp_path / "file", "a/file")
