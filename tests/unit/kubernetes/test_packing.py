"""Which small shards share a searcher."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.kubernetes.packing import pack
from services.snapshot.manifest import ShardEntry
from tests.support.manifests import shard_of

CATEGORIES = st.sets(st.text("abcdefghij", min_size=1, max_size=6), min_size=1, max_size=40)


def at_most_four(shards: Sequence[ShardEntry]) -> bool:
    return len(shards) <= 4


def packed(categories: set[str]) -> dict[str, set[str]]:
    """Return the slugs of each pack."""
    packs = pack([shard_of(category, 1) for category in sorted(categories)], at_most_four)
    return {bits: {shard.slug for shard in shards} for bits, shards in packs.items()}


@given(CATEGORIES)
def test_each_shard_is_in_one_pack_and_each_pack_fits(categories: set[str]) -> None:
    """Packs are a partition."""
    packs = packed(categories)
    assert sorted(slug for pack in packs.values() for slug in pack) == sorted(categories)
    assert all(1 <= len(slugs) <= 4 for slugs in packs.values())


@given(CATEGORIES, st.text("klmno", min_size=1, max_size=6))
def test_a_new_category_changes_one_pack(categories: set[str], new: str) -> None:
    """The others stay as they are, name and shards; the one is larger now, or divided."""
    before, after = packed(categories), packed({*categories, new})
    touched = {bits for bits in before if after.get(bits) != before[bits]}
    assert len(touched) <= 1
    for bits in after.keys() - before.keys():
        assert all(bits.startswith(divided) for divided in touched)


def test_nothing_to_pack_is_no_pack() -> None:
    """A snapshot of large shards has none."""
    assert pack([], at_most_four) == {}


def test_what_never_fits_is_divided_down_to_single_shards() -> None:
    """A shard of its own always fits."""
    shards = [shard_of(category, 1) for category in ("bag", "coat", "dress")]
    assert sorted(len(each) for each in pack(shards, lambda _: False).values()) == [1, 1, 1]
