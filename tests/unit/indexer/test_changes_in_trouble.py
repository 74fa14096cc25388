"""A change that dies or finds the disk full leaves the last good snapshot, and the same command finishes it."""

import shutil
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from services.common.errors import CatalogueInvalid, InvalidArgument
from services.snapshot.pruning import prune
from tests.support.crashes import full_at, killed_at_step
from tests.support.shop import Shop, assert_same_answers

IMAGES = {"Bag": 4, "Coat": 4}
NEW = (6, 7)


def _add(shop: Shop) -> None:
    shop.add(NEW)


def _delete(shop: Shop) -> None:
    shop.delete(shop.image_ids((0, 4)))


def _compact(shop: Shop) -> None:
    shop.compact()


CHANGES = pytest.mark.parametrize("change", [_add, _delete, _compact])


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with something to fold."""
    shop = Shop.make(tmp_path / "shop", IMAGES)
    shop.build(range(1, 6), baseline=False)
    shop.add([0])
    shop.delete(shop.image_ids([5]))
    return shop


def _copy(shop: Shop, folder: Path) -> Shop:
    shutil.copytree(shop.root, folder / "root")
    return Shop(folder, shop.gallery, shop.header, shop.lines, str(folder / "root"))


def _finish(shop: Shop, change: Callable[[Shop], None], before: str) -> None:
    """Give the command again; it is refused only when it had gone through, for then there is nothing left to do."""
    try:
        change(shop)
    except (CatalogueInvalid, InvalidArgument):
        assert shop.store.current_id() != before
        assert shop.store.manifest().parent == before


@CHANGES
def test_a_change_killed_at_any_step_leaves_the_last_good_snapshot(
    shop: Shop, tmp_path: Path, change: Callable[[Shop], None]
) -> None:
    """Killed before each single step on the disk, readers see the old answers or the new ones; then it can be done."""
    before, old = shop.store.current_id(), shop.answers()
    done = _copy(shop, tmp_path / "done")
    change(done)
    new = done.answers()
    seen: list[bool] = []
    for step in count(1):
        case = _copy(shop, tmp_path / f"step-{step}")
        finished = killed_at_step(Path(case.root), partial(change, case), step)
        is_new = case.store.current_id() != before
        seen.append(is_new)
        assert_same_answers(case.answers(), new if is_new else old)
        _finish(case, change, before)
        assert_same_answers(case.answers(), new)
        if finished:
            break
        shutil.rmtree(case.root)
    assert len(seen) > 10
    assert seen == sorted(seen)
    assert seen[-1]
    assert not seen[5]


@CHANGES
def test_a_full_disk_refuses_a_change_and_leaves_the_last_good_snapshot(
    shop: Shop, tmp_path: Path, change: Callable[[Shop], None]
) -> None:
    """Whichever file it is that does not fit any more; with room again, the same command finishes."""
    before, old = shop.store.current_id(), shop.answers()
    refused = 0
    for most_bytes in (0, 1, 40, 150, 600, 1_500, 3_000, 8_000):
        case = _copy(shop, tmp_path / f"bytes-{most_bytes}")
        if full_at(most_bytes, partial(change, case)):
            continue
        refused += 1
        assert case.store.current_id() == before
        assert_same_answers(case.answers(), old)
        change(case)
        assert case.store.current_id() != before
    assert refused >= 4


@pytest.mark.parametrize("link", [False, True], ids=["file", "link"])
def test_what_lies_in_the_place_of_the_draft_goes(shop: Shop, *, link: bool) -> None:
    """Drafts are nobody's; where a link leads, nothing is touched."""
    draft, elsewhere = Path(shop.root) / "building" / "change", shop.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "notes").touch()
    draft.symlink_to(elsewhere) if link else draft.write_text("hello")
    before = shop.store.current_id()
    _delete(shop)
    assert shop.store.manifest().parent == before
    assert not draft.exists()
    assert (elsewhere / "notes").exists()


def test_pruning_killed_at_any_step_breaks_no_snapshot_that_stays(shop: Shop, tmp_path: Path) -> None:
    """What is left is whole, what went is no snapshot any more, and the same command removes the rest."""
    expected = shop.answers()
    for step in count(1):
        case = _copy(shop, tmp_path / f"step-{step}")
        work = partial(prune, case.root, 1, work_root=case.folder / "work")
        finished = killed_at_step(Path(case.root), work, step)
        assert_same_answers(case.answers(), expected)
        work()
        assert_same_answers(case.answers(), expected)
        assert sorted(path.parent.name for path in Path(case.root).glob("snapshots/*/manifest.json")) == [
            case.store.current_id()
        ]
        assert {path for path in Path(case.root).glob("snapshots/**/*") if path.is_file()} == _files_of_current(case)
        if finished:
            break
    assert step > 5


def _files_of_current(shop: Shop) -> set[Path]:
    """Return what must be left when only the current snapshot stays."""
    manifest, snapshots = shop.store.manifest(), Path(shop.root) / "snapshots"
    files = {snapshots / (entry.origin or manifest.snapshot_id) / entry.path for entry in manifest.files}
    return {*files, snapshots / manifest.snapshot_id / "manifest.json"}
