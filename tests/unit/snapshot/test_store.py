"""The store: serves what is verified, and refuses the rest by the file's name."""

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from services.common.errors import SettingsInvalid, SnapshotInvalid, SnapshotNotFound, Unavailable
from services.snapshot.current import replace_current
from services.snapshot.history import kept_snapshots
from services.snapshot.manifest import Manifest
from services.snapshot.publishing import publish
from services.snapshot.root import SnapshotRoot
from services.snapshot.sharing import own_files
from services.snapshot.store import SnapshotStore
from tests.support.drafts import write_draft
from tests.support.snapshots import publish_snapshot


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A local root with one published snapshot."""
    publish(tmp_path / "root", tmp_path / "draft", write_draft(tmp_path / "draft"))
    return tmp_path / "root"


@pytest.fixture
def remote_root(tmp_path: Path) -> str:
    """A root in fsspec's memory with one published snapshot."""
    url = f"memory://{uuid.uuid4().hex}"
    publish(url, tmp_path / "draft", write_draft(tmp_path / "draft"))
    return url


def _folder(root: Path) -> Path:
    return root / "snapshots" / SnapshotStore(root).current_id()


def test_a_published_snapshot_is_served_from_its_own_files(root: Path) -> None:
    """A local root needs no copy: the path is that of the file itself."""
    store = SnapshotStore(root)
    manifest = store.manifest()
    paths = [store.fetch(manifest, entry) for entry in own_files(manifest)]
    assert paths[0] == _folder(root) / "shoes" / "index.faiss"
    assert [path.read_bytes() for path in paths] == [b"vectors", b"items", b"golden"]


def test_an_empty_root_says_what_to_do(tmp_path: Path) -> None:
    """Nothing published is no traceback, but the command to run."""
    with pytest.raises(SnapshotNotFound, match="aisle index"):
        SnapshotStore(tmp_path / "nowhere").manifest()


def test_a_snapshot_that_does_not_exist_is_not_found(root: Path) -> None:
    """An id that was never published is named in the refusal."""
    with pytest.raises(SnapshotNotFound, match="20200101T000000Z-0"):
        SnapshotStore(root).manifest("20200101T000000Z-0")


def test_what_to_go_back_to_is_found_by_the_manifests_and_by_age_where_they_are_damaged(tmp_path: Path) -> None:
    """The third is a change of the first: the second was rolled back."""
    first, second = (publish_snapshot(tmp_path, {"Shoes": 2}, seed=n, hours_later=n).manifest for n in range(2))
    replace_current(SnapshotRoot.at(tmp_path), first.snapshot_id)
    replace_current(SnapshotRoot.at(tmp_path), first.snapshot_id)
    third = publish_snapshot(tmp_path, {"Shoes": 2}, seed=2, hours_later=2, parent=first.snapshot_id).manifest
    store = SnapshotStore(tmp_path)
    assert list(store.predecessors(third.snapshot_id)) == [first.snapshot_id]
    (tmp_path / "snapshots" / third.snapshot_id / "manifest.json").write_text("torn")
    assert list(store.predecessors(third.snapshot_id)) == [second.snapshot_id, first.snapshot_id]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["index.faiss", "items.arrow", "golden.arrow"])
@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_flip, "damaged, its SHA-256"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, but the manifest says"),
        (Path.unlink, "the file is missing"),
    ],
    ids=["flipped", "truncated", "missing"],
)
def test_a_damaged_file_is_refused_by_its_name(
    root: Path, name: str, damage: Callable[[Path], Any], words: str
) -> None:
    """One flipped bit, one byte less or no file at all: the error says which file."""
    damage(_folder(root) / "shoes" / name)
    store = SnapshotStore(root)
    manifest = store.manifest()
    entry = next(entry for entry in own_files(manifest) if entry.path.endswith(name))
    with pytest.raises(SnapshotInvalid, match=rf"shoes/{name}: .*{words}"):
        store.fetch(manifest, entry)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema_version": 4}, "schema version 4, but this release reads version 3"),
        ({"snapshot_id": "another"}, "it is the manifest of 'another'"),
        ({"dimension": 0}, "dimension"),
        ({"surprise": True}, "surprise"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused_by_its_name(root: Path, change: dict[str, Any], words: str) -> None:
    """A newer schema, another snapshot's manifest, a bad value or an unknown key."""
    path = _folder(root) / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SnapshotInvalid, match=rf"manifest\.json: .*{words}"):
        SnapshotStore(root).manifest()


@pytest.mark.parametrize("content", ["", "../../etc", "/etc", "a b", "\n\n"])
def test_a_current_that_holds_no_id_is_refused(root: Path, content: str) -> None:
    """CURRENT decides which folder is read, so it must hold an id and nothing else."""
    (root / "CURRENT").write_text(content)
    with pytest.raises(SnapshotInvalid, match="is not a snapshot id"):
        SnapshotStore(root).current_id()


def _with_index_path(manifest: Manifest, path: str) -> Manifest:
    shard = manifest.shards[0]
    index = shard.segments[0].index
    file = index.file.model_copy(update={"path": path})
    segment = shard.segments[0].model_copy(update={"index": index.model_copy(update={"file": file})})
    return manifest.model_copy(update={"shards": (shard.model_copy(update={"segments": (segment,)}),)})


@pytest.mark.parametrize("path", ["../outside", "/etc/hostname", "shoes/../../outside", "shoes/\0"])
def test_a_path_that_leaves_the_snapshot_is_refused(root: Path, path: str) -> None:
    """A manifest can't make a searcher read files that are no part of the snapshot."""
    (root / "snapshots" / "outside").write_bytes(b"vectors")
    store = SnapshotStore(root)
    manifest = _with_index_path(store.manifest(), path)
    with pytest.raises(SnapshotInvalid, match="outside the snapshot"):
        store.fetch(manifest, manifest.shards[0].segments[0].index.file)


def test_a_path_that_leaves_a_remote_snapshot_is_refused(remote_root: str, tmp_path: Path) -> None:
    """Also where no file system resolves the path for us, and the file there is the right one."""
    memory = fsspec.filesystem("memory")
    memory.pipe_file(f"{remote_root.removeprefix('memory:/')}/snapshots/outside", b"vectors")
    store = SnapshotStore(remote_root, cache_dir=tmp_path / "cache")
    manifest = _with_index_path(store.manifest(), "../outside")
    with pytest.raises(SnapshotInvalid, match="outside the snapshot"):
        store.fetch(manifest, manifest.shards[0].segments[0].index.file)


def test_a_link_that_leaves_the_snapshot_is_refused(root: Path, tmp_path: Path) -> None:
    """The same content behind a symbolic link to elsewhere is not part of the snapshot."""
    index = _folder(root) / "shoes" / "index.faiss"
    index.rename(tmp_path / "elsewhere")
    index.symlink_to(tmp_path / "elsewhere")
    store = SnapshotStore(root)
    manifest = store.manifest()
    with pytest.raises(SnapshotInvalid, match=r"shoes/index\.faiss: a symbolic link"):
        store.fetch(manifest, manifest.shards[0].segments[0].index.file)


def test_a_link_that_leads_in_circles_is_refused(root: Path) -> None:
    """It is a damaged snapshot, and no defect: whoever starts takes an earlier one."""
    index = _folder(root) / "shoes" / "index.faiss"
    index.unlink()
    index.symlink_to(index)
    store = SnapshotStore(root)
    manifest = store.manifest()
    with pytest.raises(SnapshotInvalid, match=r"shoes/index\.faiss: a symbolic link leads in circles"):
        store.fetch(manifest, manifest.shards[0].segments[0].index.file)


@pytest.mark.parametrize("created_at", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday"])
def test_a_time_that_is_none_is_no_genuine_one(root: Path, created_at: str) -> None:
    """Other snapshots can still be listed, and pruned."""
    manifest = SnapshotStore(root).manifest()
    path = _folder(root) / "manifest.json"
    path.write_text(path.read_text().replace(manifest.created_at, created_at))
    with pytest.raises(SnapshotInvalid, match=r"manifest\.json: it was changed after it was published"):
        SnapshotStore(root).manifest()
    (kept,) = kept_snapshots(str(root)).kept
    assert "it was changed after it was published" in kept.problem


def test_a_remote_file_is_downloaded_once(remote_root: str, tmp_path: Path) -> None:
    """The second fetch is served from the cache, even when the remote is gone."""
    store = SnapshotStore(remote_root, cache_dir=tmp_path / "cache")
    manifest = store.manifest()
    entry = manifest.shards[0].segments[0].index.file
    first = store.fetch(manifest, entry)
    fsspec.filesystem("memory").rm(remote_root.removeprefix("memory:/"), recursive=True)
    assert store.fetch(manifest, entry) == first
    assert first.read_bytes() == b"vectors"
    assert [path.name for path in (tmp_path / "cache").glob("*/*")] == [entry.sha256]


def test_a_damaged_cache_is_filled_again(remote_root: str, tmp_path: Path) -> None:
    """A bad disk under the cache costs a download, not the service."""
    store = SnapshotStore(remote_root, cache_dir=tmp_path / "cache")
    manifest = store.manifest()
    entry = manifest.shards[0].segments[0].index.file
    _flip(store.fetch(manifest, entry))
    assert store.fetch(manifest, entry).read_bytes() == b"vectors"


@pytest.mark.parametrize("content", [b"vectorz", b"vector", None], ids=["flipped", "truncated", "missing"])
def test_a_damaged_remote_file_is_refused_and_not_kept(remote_root: str, tmp_path: Path, content: bytes | None) -> None:
    """What fails its checksum never gets a name in the cache."""
    store = SnapshotStore(remote_root, cache_dir=tmp_path / "cache")
    manifest = store.manifest()
    memory = fsspec.filesystem("memory")
    path = f"{remote_root.removeprefix('memory:/')}/snapshots/{manifest.snapshot_id}/shoes/index.faiss"
    memory.rm(path) if content is None else memory.pipe_file(path, content)
    with pytest.raises(SnapshotInvalid, match=r"shoes/index\.faiss"):
        store.fetch(manifest, manifest.shards[0].segments[0].index.file)
    assert list((tmp_path / "cache").glob("*/*")) == []


def test_a_store_that_does_not_trust_its_cache_reads_the_root(remote_root: str, tmp_path: Path) -> None:
    """A sound copy here says nothing about what lies there; and the copy stays."""
    store = SnapshotStore(remote_root, cache_dir=tmp_path / "cache")
    manifest = store.manifest()
    entry = manifest.shards[0].segments[0].index.file
    store.fetch(manifest, entry)
    path = f"{remote_root.removeprefix('memory:/')}/snapshots/{manifest.snapshot_id}/shoes/index.faiss"
    fsspec.filesystem("memory").pipe_file(path, b"vectorz")
    with pytest.raises(SnapshotInvalid, match=r"shoes/index\.faiss: damaged"):
        SnapshotStore(remote_root, cache_dir=tmp_path / "cache", trust_cache=False).fetch(manifest, entry)
    assert store.fetch(manifest, entry).read_bytes() == b"vectors"


@pytest.mark.parametrize("name", ["manifest.json", "index.faiss"])
@pytest.mark.parametrize("pages", [2, 3])
def test_a_proxy_s_page_is_not_taken_for_damage_at_once(
    remote_root: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, pages: int
) -> None:
    """A remote file that is not what it should be is read twice more before its snapshot is refused."""
    left = pages
    cat_file, get_file = MemoryFileSystem.cat_file, MemoryFileSystem.get_file

    def page_comes(path: str) -> bool:
        nonlocal left
        left -= path.endswith(name)
        return path.endswith(name) and left >= 0

    def read(filesystem: MemoryFileSystem, path: str, *arguments: Any) -> bytes:
        content: bytes = cat_file(filesystem, path, *arguments)
        return b"<a><b>!" if page_comes(path) else content

    def download(filesystem: MemoryFileSystem, path: str, file: str) -> None:
        Path(file).write_bytes(b"<a><b>!") if page_comes(path) else get_file(filesystem, path, file)

    monkeypatch.setattr(MemoryFileSystem, "cat_file", read)
    monkeypatch.setattr(MemoryFileSystem, "get_file", download)
    store = SnapshotStore(remote_root, cache_dir=tmp_path / "cache")

    def fetched() -> bytes:
        manifest = store.manifest()
        return store.fetch(manifest, manifest.shards[0].segments[0].index.file).read_bytes()

    if pages < 3:
        assert fetched() == b"vectors"
    else:
        with pytest.raises(SnapshotInvalid, match=name):
            fetched()


def test_copies_that_no_snapshot_has_any_more_go_when_another_is_read(remote_root: str, tmp_path: Path) -> None:
    """But those that were asked for of late stay, and those of another root; so does all when a manifest is damaged."""
    store = SnapshotStore(remote_root, cache_dir=tmp_path / "cache")
    first = store.manifest()
    old = store.fetch(first, first.shards[0].segments[0].index.file)
    young = store.fetch(first, first.shards[0].segments[0].items)
    second = write_draft(tmp_path / "next", b"new vectors", age_seconds=-5)
    publish(remote_root, tmp_path / "next", second)
    elsewhere = tmp_path / "cache" / "elsewhere" / old.name
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"vectors")
    for path in (old, elsewhere):
        os.utime(path, (1, 1))
    memory, folder = (
        fsspec.filesystem("memory"),
        f"{remote_root.removeprefix('memory:/')}/snapshots/{first.snapshot_id}",
    )
    memory.pipe_file(f"{folder}/manifest.json", b"damaged")

    SnapshotStore(remote_root, cache_dir=tmp_path / "cache").fetch(second, second.shards[0].segments[0].index.file)
    assert old.exists()
    memory.rm(folder, recursive=True)
    SnapshotStore(remote_root, cache_dir=tmp_path / "cache").fetch(second, second.shards[0].segments[0].index.file)

    assert not old.exists()
    assert young.exists()
    assert elsewhere.exists()


def test_a_root_that_can_not_be_read_is_unavailable(root: Path) -> None:
    """A storage fault is no damaged snapshot: it may pass."""
    (root / "CURRENT").unlink()
    (root / "CURRENT").mkdir()
    with pytest.raises(Unavailable, match="CURRENT"):
        SnapshotStore(root).current_id()


def test_an_unknown_kind_of_root_is_refused() -> None:
    """A typing error in the URL is a wrong setting, found before anything is read."""
    with pytest.raises(SettingsInvalid, match="nosuch://bucket"):
        SnapshotStore("nosuch://bucket")


@pytest.mark.parametrize(
    ("old", "new"), [(b'"Shoes"', b'"Shoez"'), (b'"slope": 10.0', b'"slope": 20.0'), (b"{\n", b"{ \n"), (b'Z"', b'"')]
)
def test_a_manifest_with_one_byte_changed_is_refused_by_name(root: Path, old: bytes, new: bytes) -> None:
    """Its id holds its digest, so a change that still makes a fine manifest shows, too."""
    path = _folder(root) / "manifest.json"
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))
    with pytest.raises(SnapshotInvalid, match=r"manifest\.json"):
        SnapshotStore(root).manifest()
