"""Labels become queries; an observation knows the gateway's own time."""

import pytest

from services.client.types import Policy
from services.evaluation.observation import Query, queries_of
from services.photo.labelled import LabelledPhoto
from tests.support.shoppers import seen


def test_rows_of_one_photo_are_one_query() -> None:
    """Two products on a photo are two rows of the table; a row without product still names the category."""
    photos = [
        LabelledPhoto("a.jpg", "Shoe", "shoe-1"),
        LabelledPhoto("b.jpg", "Hat"),
        LabelledPhoto("a.jpg", "Bag", "bag-1"),
        LabelledPhoto("a.jpg", "Bag", "bag-1"),
    ]
    assert queries_of(photos) == [
        Query("a.jpg", ("shoe-1", "bag-1"), ("Shoe", "Bag")),
        Query("b.jpg", (), ("Hat",)),
    ]


def test_overhead_is_what_neither_models_nor_shards_took() -> None:
    """14 ms in all, the slower model 10, the slowest shard 1.5: the gateway's own time is 2.5 ms."""
    stages = {"embed": 10.0, "classify": 6.0, "scatter": 2.0, "total": 14.0}
    observation = seen(0, Policy.TOP_1, stages_ms=stages, shards_ms=1.5)
    assert observation.overhead_ms == pytest.approx(2.5)


def test_overhead_is_unknown_without_a_total() -> None:
    """An error has no stages, and 0 ms would flatter."""
    assert seen(0, Policy.TOP_1).overhead_ms is None
