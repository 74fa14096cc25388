"""Which shards are asked again, against an oracle that knows everything that every shard holds."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.answering.filling import to_ask_exactly
from services.gateway.answering.merging import ShardHits, merge_top_k
from services.relevance.scoring import SimilarityMap
from tests.support.gateway import hits_of

Gallery = Sequence[Mapping[str, float]]
"""Per shard the similarity of each product, best first, ties by product id; products may lie in several shards."""


@st.composite
def galleries(draw: st.DrawFn) -> Gallery:
    """At most five shards that share many of their eight products; similarities are few, so that ties are many."""
    similarity = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0])
    shard = st.dictionaries(st.sampled_from("abcdefgh"), similarity, min_size=1)
    shards = draw(st.lists(shard, min_size=1, max_size=5))
    return [dict(sorted(each.items(), key=lambda entry: (-entry[1], entry[0]))) for each in shards]


def found(products: Mapping[str, float], most: int) -> ShardHits:
    kept = dict(list(products.items())[:most])
    return hits_of(kept, exhausted=len(kept) == len(products))


def ranking(hits: Sequence[ShardHits | None], maps: Sequence[SimilarityMap], top_k: int) -> list[tuple[str, float]]:
    scored = [
        (each, similarity_map.log_odds(each.similarities))
        for each, similarity_map in zip(hits, maps, strict=True)
        if each is not None
    ]
    return [(hit.product_id, hit.score) for hit in merge_top_k(scored, top_k)]


maps = st.lists(
    st.builds(SimilarityMap, slope=st.floats(0.5, 5.0), intercept=st.floats(-3.0, 3.0)), min_size=5, max_size=5
)
limits = st.lists(st.none() | st.integers(0, 8), min_size=5, max_size=5)


@given(gallery=galleries(), maps=maps, limits=limits, top_k=st.integers(1, 10))
def test_the_filled_answer_is_the_exhaustive_one(
    gallery: Gallery, maps: list[SimilarityMap], limits: list[int | None], top_k: int
) -> None:
    """Whatever indexes leave out, there are k products when the shards have them; what was not left out is exact."""
    maps, limits = maps[: len(gallery)], limits[: len(gallery)]
    first: list[ShardHits | None] = [
        found(shard, top_k if limit is None else min(limit, top_k))
        for shard, limit in zip(gallery, limits, strict=True)
    ]
    filled = list(first)
    for place in to_ask_exactly(first, top_k):
        filled[place] = found(gallery[place], top_k)
    exhaustive = ranking([found(shard, 8) for shard in gallery], maps, top_k)
    assert len(ranking(filled, maps, top_k)) == len(exhaustive)
    if filled != first or all(limit is None for limit in limits):
        assert ranking(filled, maps, top_k) == exhaustive


@given(gallery=galleries(), top_k=st.integers(1, 10))
def test_shards_that_keep_their_word_are_never_asked_again(gallery: Gallery, top_k: int) -> None:
    """One shard with k products is enough however many are shared; and who has fewer has no more."""
    assert to_ask_exactly([found(shard, top_k) for shard in gallery], top_k) == ()


def test_only_shards_that_can_help_are_asked() -> None:
    """Not those that are missing, and not those that have no more."""
    some = hits_of({"a": 0.5}, exhausted=False)
    assert to_ask_exactly([None, some, hits_of({"b": 0.5}), some], 3) == (1, 3)
    assert to_ask_exactly([None, some, hits_of({"b": 0.5}), some], 2) == ()
    assert to_ask_exactly([], 3) == ()
