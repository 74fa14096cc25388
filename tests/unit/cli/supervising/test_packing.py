"""Which shards share a searcher process."""

from hypothesis import given
from hypothesis import strategies as st

from services.cli.supervising.packing import SEARCHER_BYTES, pack, shards_per_searcher
from services.snapshot.manifest import BASELINE_SLUG, ShardEntry
from tests.support.shards import segment_of


def shard(slug: str, images: int) -> ShardEntry:
    baseline = slug == BASELINE_SLUG
    return ShardEntry(
        slug=slug,
        category="" if baseline else slug,
        baseline=baseline,
        images=images,
        products=1,
        segments=(segment_of(images),),
    )


@given(sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=40), per_searcher=st.integers(1, 50))
def test_each_shard_is_served_once_and_no_searcher_has_too_many(sizes: list[int], per_searcher: int) -> None:
    """Whatever the sizes are, and with as few processes as possible."""
    shards = [shard(f"s{number}", size) for number, size in enumerate(sizes)]
    packed = pack(shards, per_searcher)
    assert sorted(slug for searcher in packed for slug in searcher) == sorted(each.slug for each in shards)
    assert max(len(searcher) for searcher in packed) <= per_searcher
    assert len(packed) == -(-len(sizes) // per_searcher)


def test_the_baseline_has_a_searcher_of_its_own() -> None:
    """It is as large as all others together, and its faults must not take a category along."""
    assert pack([shard("bags", 1), shard("shoes", 2), shard(BASELINE_SLUG, 3)], 9) == (("bags", "shoes"), ("_all",))


def test_big_shards_are_spread() -> None:
    """The two big ones don't meet in one searcher."""
    packed = pack([shard("a", 100), shard("b", 90), shard("c", 2), shard("d", 1)], 2)
    assert packed == (("a", "d"), ("b", "c"))


def test_memory_decides_how_many_share() -> None:
    """One shard each where half of the free memory is enough; never more processes than it affords."""
    assert shards_per_searcher(43, 86 * SEARCHER_BYTES) == 1
    assert shards_per_searcher(43, 85 * SEARCHER_BYTES) == 2
    assert shards_per_searcher(43, 0) == 43
