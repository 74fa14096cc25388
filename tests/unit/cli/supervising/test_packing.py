"""Which shards share a searcher process."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.cli.supervising.packing import SEARCHER_BYTES, Packed, pack, pack_for_machine
from services.snapshot.manifest import BASELINE_SLUG, ShardEntry
from services.snapshot.sizes import SMALL_SHARD_BYTES, SMALL_SHARDS_TOGETHER
from tests.support.manifests import BYTES_PER_IMAGE, shard_of

LARGE = SMALL_SHARD_BYTES // BYTES_PER_IMAGE
"""Images of the smallest shard that is large."""
SMALL_SIZES, LARGE_SIZES = st.integers(1, LARGE - 1), st.integers(LARGE, 9 * LARGE)
GALLERIES = st.lists(SMALL_SIZES | LARGE_SIZES, min_size=1, max_size=40)
CORES = st.integers(1, 8)
PLENTY = 2 * 50 * SEARCHER_BYTES
"""Memory for more searchers than there are shards."""


def shards_of(sizes: Sequence[int], *, baseline: bool = False) -> list[ShardEntry]:
    """Shards `s0`, `s1`, ... of so many images, and the baseline of all."""
    shards = [shard_of(f"s{number}", size) for number, size in enumerate(sizes)]
    return [*shards, shard_of("", sum(sizes))] if baseline else shards


def memory_for(searchers: int) -> int:
    """Free memory of which half is enough for so many searchers and no more."""
    return 2 * (searchers * SEARCHER_BYTES + SEARCHER_BYTES // 2)


def are_all_served_once(packed: Packed, shards: Sequence[ShardEntry]) -> bool:
    return all(packed) and sorted(slug for searcher in packed for slug in searcher) == sorted(
        each.slug for each in shards
    )


@given(sizes=st.lists(st.integers(1, 1000), min_size=1, max_size=40), per_searcher=st.integers(1, 50))
def test_each_shard_is_served_once_and_no_searcher_has_too_many(sizes: list[int], per_searcher: int) -> None:
    """Whatever the sizes are, and with as few processes as possible."""
    shards = shards_of(sizes)
    packed = pack(shards, per_searcher)
    assert are_all_served_once(packed, shards)
    assert max(len(searcher) for searcher in packed) <= per_searcher
    assert len(packed) == -(-len(sizes) // per_searcher)


@given(sizes=GALLERIES)
def test_one_each_is_one_each(sizes: list[int]) -> None:
    """Who asks for that wants a fault to cost one category, however small it is."""
    assert set(pack(shards_of(sizes, baseline=True), 1)) == {(each.slug,) for each in shards_of(sizes, baseline=True)}


def test_the_baseline_has_a_searcher_of_its_own() -> None:
    """It is as large as all others together, and its faults must not take a category along."""
    assert pack([shard_of("bags", 1), shard_of("shoes", 2), shard_of("", 3)], 9) == (("bags", "shoes"), ("_all",))


def test_big_shards_are_spread() -> None:
    """The two big ones don't meet in one searcher."""
    packed = pack([shard_of("a", 100), shard_of("b", 90), shard_of("c", 2), shard_of("d", 1)], 2)
    assert packed == (("a", "d"), ("b", "c"))


@given(sizes=GALLERIES, baseline=st.booleans(), cores=CORES, searchers=st.integers(0, 12))
def test_a_machine_serves_each_shard_once_and_the_baseline_alone(
    sizes: list[int], *, baseline: bool, cores: int, searchers: int
) -> None:
    """However much memory and however many cores there are; no process is without a shard."""
    shards = shards_of(sizes, baseline=baseline)
    packed = pack_for_machine(shards, cores, memory_for(searchers))
    assert are_all_served_once(packed, shards)
    assert ((BASELINE_SLUG,) in packed) == baseline


@given(sizes=GALLERIES, cores=CORES)
def test_with_memory_large_shards_are_alone_and_small_ones_share_a_searcher_for_each_core(
    sizes: list[int], cores: int
) -> None:
    """More processes than there are cores gain nothing, fewer can't use all; no fault costs more than 16 shards."""
    packed = pack_for_machine(shards_of(sizes), cores, PLENTY)
    large = {(f"s{number}",) for number, size in enumerate(sizes) if size >= LARGE}
    small = len(sizes) - len(large)
    assert large <= set(packed)
    assert len(packed) - len(large) == min(small, max(cores, -(-small // SMALL_SHARDS_TOGETHER)))
    assert max(len(searcher) for searcher in packed) <= SMALL_SHARDS_TOGETHER


@given(sizes=st.lists(SMALL_SIZES, min_size=1, max_size=SMALL_SHARDS_TOGETHER), cores=CORES)
def test_small_shards_are_spread_evenly(sizes: list[int], cores: int) -> None:
    """No searcher has more images than another by more than one shard, so that cores have alike to do."""
    packed = pack_for_machine(shards_of(sizes), cores, PLENTY)
    images = [sum(sizes[int(slug[1:])] for slug in searcher) for searcher in packed]
    assert max(images) - min(images) <= max(sizes)


@given(sizes=GALLERIES, cores=CORES, searchers=st.integers(0, 12))
def test_no_more_searchers_than_half_of_the_memory_affords(sizes: list[int], cores: int, searchers: int) -> None:
    """One there must be."""
    assert len(pack_for_machine(shards_of(sizes), cores, memory_for(searchers))) <= max(1, searchers)


def test_where_memory_is_short_small_shards_give_way_first() -> None:
    """Large ones stay alone until small ones have no searcher left to share; then all share what there is."""
    tenth = LARGE // 10
    shards = shards_of([60 * tenth, 20 * tenth, LARGE, 9 * tenth, 8 * tenth, 7 * tenth])
    large = (("s0",), ("s1",), ("s2",))
    assert pack_for_machine(shards, 2, memory_for(5)) == (*large, ("s3",), ("s4", "s5"))
    assert pack_for_machine(shards, 2, memory_for(4)) == (*large, ("s3", "s4", "s5"))
    assert pack_for_machine(shards, 2, memory_for(3)) == (("s0",), ("s1", "s5"), ("s2", "s3", "s4"))
    assert pack_for_machine(shards, 2, memory_for(2)) == (("s0",), ("s1", "s2", "s3", "s4", "s5"))
    assert pack_for_machine(shards, 2, 0) == (tuple(each.slug for each in shards),)
    assert pack_for_machine(shards[:3], 2, memory_for(3)) == large
