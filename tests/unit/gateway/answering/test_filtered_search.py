"""A filter reaches every shard that is asked for a photo, and one that can't be asked reaches nobody."""

import pytest

from services.common.errors import FilterInvalid
from services.filters.predicate import Equals
from services.gateway.answering.agreement import Routed
from services.gateway.answering.query import Policy
from tests.support.gateway import FakeDecoder, FakeRecord, FakeSearchers, manifest_of, photo_search, query, relevance_of

BAG = Equals("category", "Bags")


async def test_every_call_carries_the_filter() -> None:
    """Of both waves, of the second look at a short list, and what an answer is compared with afterwards."""
    routed: list[Routed] = []
    weak = {slug: {f"{slug}-1": 0.1, f"{slug}-2": 0.1} for slug in ("bags", "coats", "shirts", "shoes")}
    searchers = FakeSearchers(weak, reach={"coats": 1})
    search = photo_search(
        manifest=manifest_of(relevance=relevance_of()),
        searchers=searchers,
        on_routed=lambda answer, _: routed.append(answer),
    )

    answer = await search.answer(query(Policy.ADAPTIVE, predicate=BAG), None)

    assert {shard.wave for shard in answer.coverage.shards} == {1, 2}
    assert searchers.asked["coats"] == 2
    assert {asked.predicate for asked in (*searchers.queries, routed[0].query)} == {BAG}


async def test_a_filter_that_can_t_be_asked_ends_the_call_before_any_work() -> None:
    """The error has the path of the field, and says what there is."""
    decoder, record = FakeDecoder(), FakeRecord()
    search = photo_search(decoder=decoder, record=record)

    with pytest.raises(FilterInvalid, match=r"'colour'.*category, image_id, product_id") as refused:
        await search.answer(query(predicate=BAG & Equals("colour", "red")), None)

    assert refused.value.field == "filter.all_of.filters[1].equals.attribute"
    assert (decoder.asked, record.reasons) == ([], ["FILTER_INVALID"])


async def test_free_attributes_are_those_of_the_snapshot() -> None:
    """What its catalogue had may be asked for."""
    manifest = manifest_of().model_copy(update={"attributes": {"price": "float"}})
    search = photo_search(manifest=manifest)

    assert (await search.answer(query(predicate=Equals("price", 10)), None)).hits
    with pytest.raises(FilterInvalid, match="'price' is of type float"):
        await search.answer(query(predicate=Equals("price", "10")), None)
