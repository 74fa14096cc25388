"""Compacting: folds what is worth it, shares the rest, and changes no answer."""

from pathlib import Path

import pytest

from services.indexer.compaction import EVERYTHING, CompactionRules, due_segments
from services.snapshot.index_rules import IndexRules
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
    """With rules that spare the baseline, whose other two segments have fewer rows than the largest."""
    report = shop.compact(CompactionRules(most_segments=9, most_withdrawn_share=0.3, most_tail_share=1.0))
    assert counts(report.after) == {"bag": (5, 3, 1), "coat": (4, 2, 1), "_all": (9, 5, 3)}


def test_when_nothing_pays_nothing_happens(shop: Shop) -> None:
    """No snapshot is made that is the one before under another name."""
    before = shop.store.manifest()
    report = shop.compact(CompactionRules(most_segments=9, most_withdrawn_share=0.5, most_tail_share=9.0))
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
        ([(10, 0)], "", ""),
        ([(100, 0), (10, 0), (10, 0), (5, 0)], "", "0123"),
        ([(100, 0), (5, 0), (5, 0), (5, 0), (5, 0)], "1234", "01234"),
        ([(5, 0), (5, 0), (100, 0), (5, 0), (5, 0)], "0134", "01234"),
        ([(100, 0), (10, 0), (10, 0), (6, 0)], "0123", "0123"),
        ([(10, 2)], "", "0"),
        ([(10, 3)], "0", "0"),
        ([(100, 21), (10, 0)], "01", "01"),
        ([(100, 0), (10, 9)], "1", "01"),
        ([(100, 0), (10, 1), (5, 0)], "", "012"),
        ([(2_000_000, 9_000), *[(1_000, 0)] * 5], "12345", "012345"),
    ],
)
def test_small_segments_are_folded_together_and_the_largest_only_when_much_has_changed(
    segments: list[tuple[int, int]], due: str, due_at_all: str
) -> None:
    """More than four segments; a fifth withdrawn of the largest or of the others; a quarter beside the largest."""
    shard = _shard(*segments)
    for rules, expected in ((CompactionRules(), due), (EVERYTHING, due_at_all)):
        assert list(due_segments(shard, rules)) == [int(place) for place in expected]


def test_with_one_segment_as_the_most_there_is_one_afterwards() -> None:
    """Folding the others among themselves would leave two, for ever."""
    assert list(due_segments(_shard((100, 0), (5, 0)), CompactionRules(most_segments=1))) == [0, 1]
    assert list(due_segments(_shard((100, 0)), CompactionRules(most_segments=1))) == []


def test_the_largest_segment_is_shared_when_the_others_are_folded(shop: Shop) -> None:
    """Its index is not built anew; the answers stay the same."""
    shop.compact()
    shop.delete(shop.image_ids([2, 6]))
    for row in (0, 2, 6):
        shop.add([row])
    answers = shop.answers()
    report = shop.compact(CompactionRules(most_segments=2, most_withdrawn_share=0.9, most_tail_share=0.9))
    assert counts(report.after) == {"bag": (6, 3, 2), "coat": (4, 2, 2), "_all": (10, 5, 2)}
    assert_same_answers(shop.answers(), answers)
    for slug in ("bag", "_all"):
        largest, folded = next(shard.segments for shard in report.after.shards if shard.slug == slug)
        assert (bool(largest.index.file.origin), bool(folded.index.file.origin)) == (True, False)


def test_indexes_stay_as_they_were_wished(tmp_path: Path) -> None:
    """What is added and what is folded has the first catalogue's kind of index; other wishes count from then on."""
    shop = Shop.make(tmp_path, {"Bag": 6})
    shop.build(range(4), index_factory="HNSW8", index_recall=0.5, baseline=False)
    added = shop.add([4]).manifest.shards[0]
    folded = shop.compact().after
    assert [segment.index.factory for segment in (*added.segments, *folded.shards[0].segments)] == ["HNSW8"] * 3
    shop.add([5])
    refolded = shop.compact(index_rules=folded.index_rules.wished("SQ8", None, None)).after
    assert refolded.shards[0].index_factory == "SQ8"
    assert refolded.index_rules == IndexRules("SQ8", 0.5)
