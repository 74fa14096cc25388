"""Snapshots on S3-compatible storage: published, changed, overtaken, cached, pruned, and away."""

import asyncio
import signal
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from services.common.errors import FailedPrecondition, SnapshotNotFound, Unavailable
from services.indexer.changing import changing
from services.snapshot import root
from services.snapshot.cache import DigestCache
from services.snapshot.current import read_current, replace_current
from services.snapshot.pruning import prune
from services.snapshot.rollback import roll_back
from services.snapshot.root import SnapshotRoot
from services.snapshot.sharing import shard_taken_over
from services.snapshot.store import SnapshotStore
from tests.support.drafts import write_draft
from tests.support.processes import started
from tests.support.s3 import cutting_storage, mute_storage, s3_server, stalling_storage
from tests.support.shop import NOON, Shop, assert_same_answers, counts

IMAGES = {"Bag": 4, "Coat": 2, "Hat": 2}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server for all tests."""
    with s3_server() as url:
        yield url


@pytest.fixture
def shop(server: str, tmp_path: Path) -> Shop:
    """A shop whose snapshots lie in a bucket of their own; six of its pictures are indexed."""
    assert server
    bucket = f"shop-{uuid.uuid4().hex}"
    root = f"s3://{bucket}/aisle"
    SnapshotRoot.at(root).filesystem.mkdir(bucket)
    shop = Shop.make(tmp_path, IMAGES, root)
    shop.build(range(6))
    return shop


def test_a_snapshot_is_changed_as_on_a_disk(shop: Shop, tmp_path: Path) -> None:
    """Added to, withdrawn from, folded and rolled back: the answers are those of a local root."""
    local = Shop(tmp_path, shop.gallery, shop.header, shop.lines, str(tmp_path / "local"))
    local.build(range(6))
    for each in (shop, local):
        each.add((6, 7))
        each.delete(["Bag-0"])
    assert counts(shop.store.manifest()) == counts(local.store.manifest())
    assert_same_answers(shop.answers(), local.answers())
    folded = shop.compact()
    assert_same_answers(shop.answers(), local.answers())
    roll_back(shop.root, "", lambda _: None, work_root=tmp_path / "work")
    assert shop.store.manifest() == folded.before


def test_of_two_writers_one_wins_and_the_other_is_told(shop: Shop, tmp_path: Path) -> None:
    """They are of two machines, so that no lock keeps them apart; the loser's snapshot is not served."""
    with changing(shop.root, tmp_path / "another machine") as change:
        winner = shop.delete(["Bag-0"]).after
        kept = [shard_taken_over(shard, change.parent.snapshot_id) for shard in change.parent.shards[1:]]
        with pytest.raises(FailedPrecondition, match=r"snapshot .* was current when .*, but meanwhile .* has become"):
            change.publish(kept, NOON)
    assert shop.store.manifest() == winner


def test_the_step_itself_is_conditional(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Overtaken between the look at CURRENT and its replacement, a writer is refused by the storage."""
    root, current = SnapshotRoot.at(shop.root), shop.store.current_id()
    pipe_file = root.filesystem.pipe_file

    def overtaken(path: str, content: bytes, **options: Any) -> None:
        pipe_file(path, b"another\n")
        pipe_file(path, content, **options)

    monkeypatch.setattr(root.filesystem, "pipe_file", overtaken)
    with pytest.raises(FailedPrecondition, match=f"{current} was .*, but meanwhile snapshot another has become"):
        replace_current(root, "late", instead_of=current)
    assert shop.store.current_id() == "another"


def test_the_first_of_all_is_conditional_too(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines build their first snapshot: whoever comes second is refused by the storage."""
    assert server
    bucket = f"shop-{uuid.uuid4().hex}"
    root = SnapshotRoot.at(f"s3://{bucket}/aisle")
    root.filesystem.mkdir(bucket)
    pipe_file = root.filesystem.pipe_file

    def overtaken(path: str, content: bytes, **options: Any) -> None:
        pipe_file(path, b"another\n")
        pipe_file(path, content, **options)

    monkeypatch.setattr(root.filesystem, "pipe_file", overtaken)
    with pytest.raises(
        FailedPrecondition, match=r"no snapshot was current .*, but meanwhile snapshot another has become"
    ):
        replace_current(root, "late", instead_of=None)
    assert read_current(root) == "another"


def test_a_lost_answer_is_no_failure(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step was done, and the connection broke before its answer came: CURRENT tells."""
    root, current = SnapshotRoot.at(shop.root), shop.store.current_id()
    pipe_file = root.filesystem.pipe_file

    def unanswered(path: str, content: bytes, **options: Any) -> None:
        pipe_file(path, content, **options)
        raise OSError("the connection is gone")

    monkeypatch.setattr(root.filesystem, "pipe_file", unanswered)
    replace_current(root, "next", instead_of=current)
    assert shop.store.current_id() == "next"


def test_the_cache_survives_a_restart(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A searcher that starts again downloads nothing but what is new; what was damaged meanwhile, it takes anew."""
    first = shop.store.manifest()
    for entry in first.files:
        shop.store.fetch(first, entry)
    second = shop.add((6, 7)).manifest
    taken: list[str] = []
    download = SnapshotRoot.download

    def recorded(root: SnapshotRoot, path: str, file: Path) -> None:
        taken.append(path)
        download(root, path, file)

    monkeypatch.setattr(SnapshotRoot, "download", recorded)
    restarted = SnapshotStore(shop.root, cache_dir=tmp_path / "cache")
    paths = [restarted.fetch(second, entry) for entry in second.files]
    assert {path.split("/")[1] for path in taken} == {second.snapshot_id}
    assert len(taken) == len({entry.sha256 for entry in second.files if not entry.origin})
    taken.clear()
    paths[0].write_bytes(b"damaged")
    for entry in second.files:
        restarted.fetch(second, entry)
    assert len(taken) == 1


def test_pruning_leaves_what_is_shared(shop: Shop, tmp_path: Path) -> None:
    """The old manifest is gone, and the current snapshot answers as before; so it does for who has copies of both."""
    shop.add((6, 7))
    answers = shop.answers()
    assert len(prune(shop.root, 1, work_root=tmp_path / "work").snapshot_ids) == 1
    fresh = Shop(tmp_path / "fresh", shop.gallery, shop.header, shop.lines, shop.root)
    assert_same_answers(fresh.answers(), answers)


def test_a_storage_that_is_away_is_unavailable() -> None:
    """In our words, with the address, and not in those of a library below; it may come back."""
    with s3_server():
        store = SnapshotStore(f"s3://shop-{uuid.uuid4().hex}/aisle")
        with pytest.raises(SnapshotNotFound):
            store.current_id()
    with pytest.raises(Unavailable, match=r"s3://shop-.*/CURRENT: "):
        store.current_id()


def test_a_connection_that_breaks_in_the_middle_of_an_answer_is_unavailable(tmp_path: Path) -> None:
    """It may go well the next time: a searcher must not take it for a defect, or for damage."""
    with cutting_storage():
        store = SnapshotStore("s3://shop/aisle")
        with pytest.raises(Unavailable, match=r"s3://shop/aisle/CURRENT: .*not completed"):
            store.current_id()
        with pytest.raises(Unavailable, match=r"s3://shop/aisle/index\.faiss: .*not completed"):
            SnapshotRoot.at("s3://shop/aisle").download("index.faiss", tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "options"), [("searcher", ()), ("gateway", ("--topology", "shards.json", "--triton", "127.0.0.1:1"))]
)
async def test_a_process_that_has_to_end_does_not_wait_for_a_storage_that_hangs(
    name: str, options: tuple[str, ...]
) -> None:
    """It ends at once, and with status 0."""
    with mute_storage():
        async with started(name, "--snapshot-root", "s3://shop/aisle", *options) as process:
            await process.logged("bound")
            await asyncio.sleep(0.5)
            process.signal(signal.SIGTERM)
            async with asyncio.timeout(3):
                assert await process.ended() == 0


def test_a_download_that_hangs_is_given_up_and_leaves_nothing(tmp_path: Path) -> None:
    """Its thread hears of it at once; no half of a file lies where it would be believed, and nothing more is read."""
    entry, cache = write_draft(tmp_path / "draft").files[0], DigestCache(tmp_path / "cache")
    with stalling_storage() as silent, ThreadPoolExecutor(1) as loading:
        root = SnapshotRoot.at("s3://shop/aisle")
        fetching = loading.submit(cache.fetch, entry, "index", partial(root.download, "index"), trusted=True)
        assert silent.wait(10)
        root.stop_reading()
        with pytest.raises(Unavailable, match="s3://shop/aisle/index: given up, since this process ends"):
            fetching.result(timeout=2)
        with pytest.raises(Unavailable, match="s3://shop/aisle/CURRENT: given up"):
            root.read("CURRENT")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_storage_that_never_answers_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who follows CURRENT hears of it within seconds, and asks again."""
    monkeypatch.setattr(root, "_READ_SECONDS", 1.0)
    with mute_storage(), pytest.raises(Unavailable, match=r"s3://shop/aisle/CURRENT: no answer in time"):
        SnapshotStore("s3://shop/aisle").current_id()


def test_an_upload_is_as_old_as_the_storage_says(shop: Shop, tmp_path: Path) -> None:
    """A file that has just come keeps its folder, whatever time its name tells; CURRENT has its time, too."""
    root = SnapshotRoot.at(shop.root)
    root.write("snapshots/20200131T120000Z-0123456789ab/bag/index.faiss", b"half")
    assert prune(shop.root, 1, work_root=tmp_path / "work").files == 0
    written_at = root.written_at()
    assert set(written_at) == {*root.snapshot_ids(), "CURRENT", "CURRENT.copy"}
    assert max(written_at.values()) - min(written_at.values()) < 60
