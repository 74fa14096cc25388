"""Whatever is added, withdrawn and folded in whatever order, a snapshot finds what one built of the rest would find."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.shop import Shop, assert_same_answers, counts

IMAGES = {"Bag": 6, "Coat": 4, "Hat": 2}
ROWS = range(12)

STEPS = st.lists(
    st.tuples(st.sampled_from(("add", "add", "delete", "delete products", "compact")), st.sets(st.sampled_from(ROWS))),
    min_size=1,
    max_size=5,
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """A shop whose pictures are drawn once."""
    return Shop.make(tmp_path_factory.mktemp("shop"), IMAGES)


def _take(shop: Shop, step: str, rows: set[int], live: set[int]) -> set[int]:
    """Make one step, as far as it can be made, and return the pictures that can be found then."""
    if step == "compact":
        shop.compact()
        return live
    if step == "add":
        fresh = rows - live
        if fresh:
            shop.add(sorted(fresh))
        return live | fresh
    gone = rows & live
    if step == "delete products":
        gone = {row for row in live if shop.lines[row][1] in {shop.lines[one][1] for one in gone}}
    if not gone or gone == live:
        return live
    if step == "delete":
        shop.delete(shop.image_ids(gone))
    else:
        shop.delete(products={shop.lines[row][1] for row in gone})
    return live - gone


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS, first=st.sets(st.sampled_from(ROWS), min_size=1), baseline=st.booleans())
def test_any_changes_find_what_a_fresh_build_finds(
    shop: Shop, steps: list[tuple[str, set[int]]], first: set[int], *, baseline: bool
) -> None:
    """Counts, hits, categories and similarities are those of one catalogue with the pictures that are left."""
    fresh = str(shop.folder / "fresh")
    for root in (shop.root, fresh):
        shutil.rmtree(root, ignore_errors=True)
    shop.build(sorted(first), baseline=baseline)
    live = set(first)
    for step, rows in steps:
        live = _take(shop, step, rows, live)
    rebuilt = shop.build(sorted(live), fresh, baseline=baseline).manifest
    changed = shop.store.manifest()
    assert {slug: few[:2] for slug, few in counts(changed).items()} == {
        slug: few[:2] for slug, few in counts(rebuilt).items()
    }
    assert_same_answers(shop.answers(), shop.answers(fresh))


def test_a_change_shares_what_it_does_not_touch(tmp_path: Path) -> None:
    """A snapshot's folder holds nothing but what is new in it; everything else lies with those that wrote it."""
    shop = Shop.make(tmp_path, IMAGES)
    first = shop.build(range(10)).manifest
    second = shop.add([10, 11]).manifest
    third = shop.delete(shop.image_ids([0])).after
    folders = {
        manifest.snapshot_id: sorted(
            path.relative_to(tmp_path / "root" / "snapshots" / manifest.snapshot_id).as_posix()
            for path in (tmp_path / "root" / "snapshots" / manifest.snapshot_id).rglob("*.*")
        )
        for manifest in (second, third)
    }
    new_segments = [
        f"{slug}/{name}" for slug in ("_all", "hat") for name in ("golden.arrow", "index.faiss", "items.arrow")
    ]
    assert folders[second.snapshot_id] == sorted(["manifest.json", *new_segments])
    assert folders[third.snapshot_id] == ["_all/withdrawn-0.bin", "bag/withdrawn-0.bin", "manifest.json"]
    assert (second.parent, third.parent) == (first.snapshot_id, second.snapshot_id)
    assert first.snapshot_id < second.snapshot_id < third.snapshot_id
    coats = [manifest.shard("coat") for manifest in (second, third)]
    assert {file.origin for coat in coats if coat for segment in coat.segments for file in segment.files} == {
        first.snapshot_id
    }
