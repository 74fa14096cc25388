"""`aisle snapshot`: what people see, what programs get, and that a wrong word changes nothing."""

import json
import uuid
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.cli.exit_codes import ExitCode
from services.cli.snapshots import change_lines, read_ids, size_words
from services.cli.verifying import verify_snapshot
from services.common.errors import InvalidArgument, SpaceMismatch
from services.indexer import remarks
from services.indexer.changing import ChangeReport
from services.snapshot.root import SnapshotRoot
from services.snapshot.writer_lock import sole_writer
from tests.support.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with one snapshot of six pictures and a change that adds two."""
    shop = Shop.make(tmp_path, {"Bag": 4, "Coat": 2, "Hat": 2})
    shop.build(range(6))
    shop.add((6, 7))
    return shop


def _aisle(shop: Shop, command: str, *words: str) -> int:
    return main(["snapshot", command, *words, "--snapshot-root", shop.root])


def _told(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_list_shows_what_there_is(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Oldest first; sizes tell what a snapshot brought and what it shares."""
    assert _aisle(shop, "list", "--json") == ExitCode.OK
    first, second = _told(capsys)
    assert (first["current"], second["current"]) == (False, True)
    assert (first["images"], second["images"], second["segments"], second["withdrawn_images"]) == (6, 8, 3, 0)
    assert (second["parent"], first["shared_bytes"]) == (first["snapshot_id"], 0)
    assert isinstance(second["shared_bytes"], int)
    assert second["shared_bytes"] > 0
    assert _aisle(shop, "list") == ExitCode.OK
    assert "is the current one" in capsys.readouterr().out


def test_delete_withdraws_and_says_so(shop: Shop, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From arguments and from files; blanks, empty lines and a byte order mark are no ids."""
    (tmp_path / "ids.txt").write_text("\ufeff  Bag-1\n\nBag-2\n", encoding="utf-8")
    words = ("Bag-0", "--product", "Hat-p0", "--images-file", str(tmp_path / "ids.txt"))
    assert _aisle(shop, "delete", *words) == ExitCode.OK
    shown = capsys.readouterr().out
    assert "-5 images, -2 products" in shown
    assert "  hat: gone; its searcher serves what else it has" in shown
    assert "  bag: 1 images in 1 segment, 3 withdrawn" in shown
    assert _aisle(shop, "delete", "Bag-0") == ExitCode.UNUSABLE_INPUT
    assert "INVALID_ARGUMENT" in capsys.readouterr().err


def test_compact_folds_and_says_so(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing by rules that are not met here; then all that can be."""
    assert _aisle(shop, "compact", "--max-tail-share", "0.5") == ExitCode.OK
    assert "nothing to do" in capsys.readouterr().out
    assert _aisle(shop, "compact", "--all", "--json") == ExitCode.OK
    (told,) = _told(capsys)
    assert (told["changed"], told["more_images"], told["images"]) == (True, 0, 8)


def test_rollback_verifies_first(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """A flipped bit in the parent keeps the current one; mended, it is current again."""
    current = shop.store.manifest()
    file = shop.store.manifest(current.parent).shards[0].segments[0].golden
    path = Path(shop.root) / "snapshots" / current.parent / file.path
    content = path.read_bytes()
    path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert _aisle(shop, "verify", current.parent) == ExitCode.FAILED
    assert _aisle(shop, "rollback") == ExitCode.FAILED
    assert "bag/golden.arrow: damaged" in capsys.readouterr().err
    assert shop.store.current_id() == current.snapshot_id
    path.write_bytes(content)
    assert _aisle(shop, "verify") == ExitCode.OK
    assert _aisle(shop, "rollback") == ExitCode.OK
    shown = capsys.readouterr()
    assert "is current again" in shown.out
    assert f"going back to {current.parent}; if this is interrupted, go on with that id" in shown.err
    assert shop.store.current_id() == current.parent
    assert _aisle(shop, "rollback", current.parent) == ExitCode.OK
    assert "going back" not in capsys.readouterr().err
    assert shop.store.current_id() == current.parent


def test_verify_and_rollback_read_the_root_and_not_its_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a remote root: what a searcher of this machine has copied is sound, what lies there is not."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shop = Shop.make(tmp_path, {"Bag": 4}, f"memory://{uuid.uuid4().hex}")
    shop.build(range(4))
    assert _aisle(shop, "verify") == ExitCode.OK
    manifest = shop.store.manifest()
    path = f"snapshots/{manifest.snapshot_id}/{manifest.files[0].path}"
    SnapshotRoot.at(shop.root).write(path, b"damaged")
    assert _aisle(shop, "verify") == ExitCode.FAILED
    assert _aisle(shop, "rollback", manifest.snapshot_id) == ExitCode.FAILED
    assert capsys.readouterr().err.count("bag/index.faiss") == 2


def test_with_a_lost_current_the_list_says_so(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """On stderr, beside the snapshots that one can go back to; then one of them is current again."""
    current = shop.store.manifest()
    (Path(shop.root) / "CURRENT").unlink()
    assert _aisle(shop, "list", "--json") == ExitCode.OK
    shown = capsys.readouterr()
    assert [json.loads(line)["current"] for line in shown.out.splitlines()] == [False, False]
    assert f"when CURRENT was lost, `aisle snapshot rollback {current.snapshot_id}` goes back to" in shown.err
    assert _aisle(shop, "rollback", current.snapshot_id) == ExitCode.OK
    assert shop.store.manifest() == current


def test_the_lock_is_where_the_indexer_has_it(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By option, or by the indexer's own variable: else two writers of one machine would not know of each other."""
    remote = Shop(tmp_path / "remote", shop.gallery, shop.header, shop.lines, f"memory://{uuid.uuid4().hex}")
    remote.folder.mkdir()
    remote.build(range(6))
    monkeypatch.setenv("AISLE_INDEXER_WORK_ROOT", str(tmp_path / "variable"))
    for work_root, words in ((tmp_path / "variable", ()), (tmp_path / "option", ("--work-root", tmp_path / "option"))):
        with sole_writer(remote.root, work_root):
            for command in (("delete", "Bag-0"), ("compact", "--all"), ("prune",)):
                assert _aisle(remote, *command, *map(str, words)) == ExitCode.FAILED


def test_prune_says_what_it_frees(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    """The same before and after; the second time there is nothing."""
    assert _aisle(shop, "prune", "--keep", "1", "--dry-run", "--json") == ExitCode.OK
    assert _aisle(shop, "prune", "--keep", "1", "--json") == ExitCode.OK
    foretold, done = _told(capsys)
    assert {**foretold, "dry_run": False} == done
    assert len(done["snapshot_ids"]) == 1  # type: ignore[arg-type]
    assert _aisle(shop, "prune", "--keep", "1") == ExitCode.OK
    assert "gone: 0 snapshots, 0 files, 0 B" in capsys.readouterr().out


def test_a_manifest_with_another_space_is_not_sound(shop: Shop) -> None:
    """Digests alone would not tell."""
    manifest = shop.store.manifest().model_copy(update={"dimension": 17})
    with pytest.raises(SpaceMismatch, match=r"manifest\.json"):
        verify_snapshot(shop.store, manifest, lambda *_: None)


@pytest.mark.parametrize("words", [["delete"], ["prune", "--keep", "0"], ["compact", "--max-segments", "0"], ["add"]])
def test_wrong_usage_is_status_2(shop: Shop, words: list[str]) -> None:
    """Nothing is changed."""
    before = shop.store.current_id()
    assert _aisle(shop, *words) == ExitCode.UNUSABLE_INPUT
    assert shop.store.current_id() == before


def test_a_root_without_snapshots_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command but `list`, which has nothing to show."""
    shop = Shop(tmp_path, None, [], [], str(tmp_path / "none"))  # type: ignore[arg-type]
    for words in (["add", "new.csv"], ["delete", "x"], ["compact"], ["verify"], ["rollback"], ["prune"]):
        assert _aisle(shop, *words) == ExitCode.FAILED
        assert "aisle index" in capsys.readouterr().err
    assert _aisle(shop, "list") == ExitCode.OK
    assert not (tmp_path / "none").exists()


def test_compact_remarks_on_the_new_indexes(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the results, so that programs read those undisturbed; where nothing was built, there is nothing to say."""
    monkeypatch.setattr(remarks, "index_remarks", lambda manifest: [f"{manifest.snapshot_id} finds too little"])
    for all_of_them in (["--all"], []):
        assert _aisle(shop, "compact", *all_of_them, "--json") == ExitCode.OK
        told = capsys.readouterr()
        assert told.err == (f"{shop.store.current_id()} finds too little\n" if all_of_them else "")
        assert json.loads(told.out)["changed"] == bool(all_of_them)


def test_ids_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """The file is named."""
    (tmp_path / "ids").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "ids", tmp_path / "missing"):
        with pytest.raises(InvalidArgument, match=str(path)):
            read_ids(path)


def test_a_new_shard_and_a_new_segment_are_told_apart(shop: Shop) -> None:
    """And what is untouched is not told at all."""
    manifest = shop.store.manifest()
    lines = list(change_lines(ChangeReport(shop.store.manifest(manifest.parent), manifest, 0.0)))
    baseline, new = lines[1:]
    assert baseline == "  _all: 8 images in 2 segments, 0 withdrawn"
    assert new.startswith("  hat: new, 2 images; start a searcher")


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_340_000, "2.3 MB"), (5e12, "5,000.0 GB")],
)
def test_sizes_are_for_people(size_bytes: float, words: str) -> None:
    """In thousands, as disks are sold."""
    assert size_words(size_bytes) == words
