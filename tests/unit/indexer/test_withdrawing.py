"""Withdrawing: by image, by product, down to nothing, and never an id that is not there."""

from pathlib import Path

import pytest

from services.common.errors import FailedPrecondition, InvalidArgument, SnapshotInvalid
from tests.support.shop import Shop, counts

IMAGES = {"Bag": 4, "Coat": 2}


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop whose bags lie in two segments."""
    shop = Shop.make(tmp_path, IMAGES)
    shop.build([0, 1, 2, 4, 5])
    shop.add([3])
    return shop


def _found(shop: Shop) -> set[str]:
    return {hit[0] for queries in shop.answers().values() for hits in queries for hit in hits}


def test_images_and_products_go_and_are_not_found_any_more(shop: Shop) -> None:
    """A product that has lost one image is still there; one that has lost all is not."""
    report = shop.delete(images=["Bag-2"], products=["Coat-p0"])
    assert counts(report.after) == {"bag": (3, 2, 2), "_all": (3, 2, 2)}
    assert _found(shop) == {"Bag-p0", "Bag-p1"}
    withdrawn = [(s.images, s.withdrawn_images) for s in report.after.shards[1].segments]
    assert withdrawn == [(5, 3), (1, 0)]


def test_a_segment_with_nothing_left_goes(shop: Shop) -> None:
    """There and in the baseline; the other segment keeps its place."""
    report = shop.delete(images=["Bag-3"])
    assert counts(report.after) == {"bag": (3, 2, 1), "coat": (2, 1, 1), "_all": (5, 3, 1)}
    again = shop.delete(images=["Bag-0"]).after
    assert [segment.withdrawn_images for segment in again.shards[0].segments] == [1]
    third = shop.delete(images=["Bag-1"]).after
    assert counts(third)["bag"] == (1, 1, 1)
    assert [file.path for file in third.files if not file.origin] == ["bag/withdrawn-0.bin", "_all/withdrawn-0.bin"]


def test_the_last_category_stays(shop: Shop) -> None:
    """A snapshot can't be empty; nothing happens."""
    before = shop.store.current_id()
    with pytest.raises(FailedPrecondition, match="can't be empty"):
        shop.delete(products=["Bag-p0", "Bag-p1", "Coat-p0"])
    assert shop.store.current_id() == before


def test_unknown_ids_are_refused_by_name(shop: Shop) -> None:
    """The first of them, and how many more; an image that was withdrawn is unknown, too."""
    before = shop.delete(images=["Bag-0"]).after
    with pytest.raises(
        InvalidArgument, match="has no image_id 'Bag-0', 'x-1', 'x-2', 'x-3', 'x-4' and 2 more"
    ) as refusal:
        shop.delete(images=["Bag-0", "Bag-1", *(f"x-{number}" for number in range(1, 7))])
    assert refusal.value.field == "image_id"
    with pytest.raises(InvalidArgument, match="has no product_id 'Bag-0'"):
        shop.delete(products=["Bag-0"])
    assert shop.store.manifest() == before


def test_unknown_ids_can_be_ignored(shop: Shop) -> None:
    """The rest is withdrawn; when there is no rest, no snapshot is made."""
    report = shop.delete(images=["Bag-0", "x-1"], ignore_unknown=True)
    assert counts(report.after)["bag"] == (3, 2, 2)
    nothing = shop.delete(images=["Bag-0", "x-1"], ignore_unknown=True)
    assert nothing.before == nothing.after == report.after


def test_a_damaged_item_table_is_refused_by_name(shop: Shop) -> None:
    """What is withdrawn is decided by what is verified."""
    manifest = shop.store.manifest()
    items = manifest.shards[0].segments[0].items
    path = Path(shop.root) / "snapshots" / items.origin / items.path
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(SnapshotInvalid, match=r"bag/items\.arrow: damaged"):
        shop.delete(images=["Bag-0"])


def test_a_shared_file_that_is_gone_stops_a_change(shop: Shop) -> None:
    """A snapshot that would miss a file is not published, though this change does not need the file itself."""
    before = shop.store.manifest()
    index = before.shard("coat")
    assert index is not None
    file = index.segments[0].index.file
    (Path(shop.root) / "snapshots" / file.origin / file.path).unlink()
    with pytest.raises(SnapshotInvalid, match=r"coat/index\.faiss: this file, which the new snapshot shares"):
        shop.delete(images=["Bag-0"])
    assert shop.store.manifest() == before
