"""Compacting: folds what is worth it, shares the rest, and changes no answer."""

from pathlib import Path

import pytest

from services.indexer.compaction import EVERYTHING, CompactionRules, is_due
from services.snapshot.manifest import ShardEntry
from tests.support.shards import segment_of
from tests.support.shop import Shop, assert_same_answers, counts


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A shop with bags in three segments, one image withdrawn, and coats in one."""
    shop = Shop.make(tmp_path, {"Bag": 6, "Coat": 4})
    shop.build([0, 1, 6, 7, 8, 9])
    shop.add([2, 3])
    shop.add([4, 5])
    shop.delete(shop.image_ids([0]))
    return shop


def test_folded_shards_answer_as_before(shop: Shop) -> None:
    """One segment, nothing withdrawn, the same counts and hits; the coats are shared untouched."""
    answers, before = shop.answers(), shop.store.manifest()
    report = shop.compact()
    assert counts(report.after) == {"bag": (5, 3, 1), "coat": (4, 2, 1), "_all": (9, 5, 1)}
    assert_same_answers(shop.answers(), answers)
    own = {file.path.split("/")[0] for file in report.after.files if not file.origin}
    assert own == {"bag", "_all"}
    assert report.after.shard("coat") == before.shard("coat")
    assert report.after.parent == before.snapshot_id


def test_only_what_pays_is_folded(shop: Shop) -> None:
    """With rules that spare the baseline, whose one withdrawn row is a tenth."""
    report = shop.compact(CompactionRules(most_segments=9, most_withdrawn_share=0.15))
    assert counts(report.after) == {"bag": (5, 3, 1), "coat": (4, 2, 1), "_all": (9, 5, 3)}


def test_when_nothing_pays_nothing_happens(shop: Shop) -> None:
    """No snapshot is made that is the one before under another name."""
    before = shop.store.manifest()
    report = shop.compact(CompactionRules(most_segments=9, most_withdrawn_share=0.5))
    assert report.before == report.after == before
    shop.compact()
    folded = shop.store.manifest()
    assert shop.compact().after == folded


def _shard(*segments: tuple[int, int]) -> ShardEntry:
    file = segment_of(1).items
    parts = tuple(
        segment_of(images).model_copy(update={"withdrawn_images": withdrawn, "withdrawn": file if withdrawn else None})
        for images, withdrawn in segments
    )
    left = sum(images - withdrawn for images, withdrawn in segments)
    return ShardEntry(slug="bag", category="Bag", images=left, products=1, segments=parts)


@pytest.mark.parametrize(
    ("segments", "due", "due_at_all"),
    [
        ([(10, 0)], False, False),
        ([(10, 0)] * 4, False, True),
        ([(10, 0)] * 5, True, True),
        ([(10, 2)], False, True),
        ([(10, 3)], True, True),
        ([(100, 0), (10, 9)], False, True),
    ],
)
def test_folding_pays_with_many_segments_or_many_withdrawn_rows(
    segments: list[tuple[int, int]], *, due: bool, due_at_all: bool
) -> None:
    """More than four, or more than a fifth of the shard's rows; and everything that is not one whole segment at all."""
    assert is_due(_shard(*segments), CompactionRules()) is due
    assert is_due(_shard(*segments), EVERYTHING) is due_at_all
