"""Partitioning: every row in its category's shard, once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import CatalogueInvalid
from services.indexer.partitioning import keep, only, partition

CATEGORIES = st.lists(st.sampled_from(["Bag", "Coat", "T-shirt/top", "Ankle boot", "鞋"]), min_size=1, max_size=60)


@given(CATEGORIES, st.booleans())
def test_shards_hold_each_row_exactly_once(categories: list[str], baseline: bool) -> None:  # noqa: FBT001
    """The category shards are a partition of the gallery, in the catalogue's order; the baseline is all of it."""
    plans = partition(categories, baseline=baseline)
    shards = [plan for plan in plans if not plan.baseline]
    assert sorted(np.concatenate([plan.rows for plan in shards]).tolist()) == list(range(len(categories)))
    for plan in shards:
        assert {categories[row] for row in plan.rows} == {plan.category}
        assert np.all(np.diff(plan.rows) > 0)
    assert [plan.slug for plan in shards] == sorted({plan.slug for plan in shards})
    assert [plan.rows.tolist() for plan in plans if plan.baseline] == [list(range(len(categories)))] * baseline


@given(CATEGORIES, st.data())
def test_only_readable_rows_are_kept(categories: list[str], data: st.DataObject) -> None:
    """Every readable row stays in its shards, every other one leaves all of them, and no shard becomes empty."""
    flags = st.lists(st.booleans(), min_size=len(categories), max_size=len(categories))
    readable = np.array(data.draw(flags))
    plans = partition(categories, baseline=True)
    lost = {c for c in categories if not any(readable[row] for row in range(len(categories)) if categories[row] == c)}
    if lost:
        with pytest.raises(CatalogueInvalid, match="none of its"):
            keep(plans, readable)
        return
    kept = keep(plans, readable)
    assert sorted(row for plan in kept if not plan.baseline for row in plan.rows) == np.flatnonzero(readable).tolist()
    assert kept[-1].rows.tolist() == np.flatnonzero(readable).tolist()


def test_a_category_that_is_there_already_may_have_none() -> None:
    """What is added to it is left out of the plans; and so is what nobody wants of a catalogue."""
    plans = partition(["Bag", "Coat", "Coat"], baseline=True)
    readable = np.array([True, False, False])
    assert [plan.slug for plan in keep(plans, readable, may_vanish=["coat"])] == ["bag", "_all"]
    assert [(plan.slug, plan.rows.tolist()) for plan in only(plans, ~readable)] == [("coat", [1, 2]), ("_all", [1, 2])]


def test_a_category_without_a_readable_picture_is_named() -> None:
    """A shard can't be empty, and nobody should find out by searching for its products."""
    with pytest.raises(CatalogueInvalid, match="category 'Coat': none of its 2 pictures"):
        keep(partition(["Bag", "Coat", "Coat"], baseline=False), np.array([True, False, False]))
