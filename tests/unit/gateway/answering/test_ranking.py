"""The fused ranking of the shards' answers against one flat list of everything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.answering.coverage import ShardState
from services.gateway.answering.gathering import merged
from services.gateway.answering.plan import RankedShard, Scoring
from services.gateway.answering.scatter import ShardAnswer
from services.relevance.scoring import PriorFusion, SimilarityMap, probability
from tests.support.gateway import hits_of


@dataclass(frozen=True)
class Shop:
    """Shards with their products, a map and a prior each, and how they are scored."""

    shards: tuple[RankedShard, ...]
    products: tuple[Mapping[str, float], ...]
    scoring: Scoring

    def answers(self, places: Sequence[int], top_k: int) -> list[ShardAnswer]:
        """What those shards answer when they are asked for `top_k` products."""
        kept = [dict(list(self.products[place].items())[:top_k]) for place in places]
        return [
            ShardAnswer(self.shards[place], hits_of(found), ShardState.ANSWERED, 0.0, "", 1)
            for place, found in zip(places, kept, strict=True)
        ]

    def ranking(self, places: Sequence[int], top_k: int = 1_000) -> list[str]:
        """The products of the answer over those shards, best first."""
        return [hit.product_id for hit in merged(self.answers(places, top_k), self.scoring, top_k)]


@st.composite
def shops(draw: st.DrawFn, *, disjoint: bool) -> Shop:
    """Up to five shards; products lie in one shard each, or in several."""
    count = draw(st.integers(1, 5))
    similarities = st.lists(st.floats(-1.0, 1.0, width=32), min_size=1, max_size=6)
    names = st.sampled_from("abcdefgh")
    shards, products = [], []
    for number in range(count):
        drawn = draw(similarities)
        found = {f"{number}-{place}" if disjoint else draw(names): value for place, value in enumerate(drawn)}
        products.append(dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))))
        similarity_map = SimilarityMap(draw(st.floats(0.5, 30.0)), draw(st.floats(-10.0, 10.0)))
        shards.append(RankedShard(f"s{number}", f"S{number}", draw(st.floats(0.0, 1.0)), similarity_map))
    fusion = draw(
        st.none()
        | st.builds(PriorFusion, st.floats(0.1, 3.0), st.floats(0.0, 3.0), st.floats(0.001, 1.0), st.floats(-3.0, 3.0))
    )
    return Shop(tuple(shards), tuple(products), Scoring(fusion=fusion, categories=count))


@given(shop=shops(disjoint=False), top_k=st.integers(1, 12))
def test_the_ranking_over_all_shards_is_the_exhaustive_one(shop: Shop, top_k: int) -> None:
    """Fused or not: the best occurrence of each product, sorted by its log-odds, from one flat list of everything."""
    flat: dict[str, tuple[float, float]] = {}
    for shard, products in zip(shop.shards, shop.products, strict=True):
        for product, similarity in products.items():
            (log_odds,) = shop.scoring.log_odds(shard, np.array([similarity], np.float32)).tolist()
            flat[product] = max(flat.get(product, (-np.inf, -np.inf)), (log_odds, similarity))
    exhaustive = sorted(flat, key=lambda product: (-flat[product][0], -flat[product][1], product))[:top_k]
    hits = merged(shop.answers(range(len(shop.shards)), top_k), shop.scoring, top_k)
    assert [hit.product_id for hit in hits] == exhaustive
    assert [hit.score for hit in hits] == [
        pytest.approx(float(probability(np.array(flat[product][0])))) for product in exhaustive
    ]


@given(shop=shops(disjoint=True), data=st.data())
def test_more_shards_only_add_hits(shop: Shop, data: st.DataObject) -> None:
    """What the planned shards found stays found, in the same order, and falls only behind hits of the added shards."""
    everything = range(len(shop.shards))
    planned = data.draw(st.integers(1, len(shop.shards)))
    before, after = shop.ranking(everything[:planned]), shop.ranking(everything)
    assert [product for product in after if product in before] == before
    assert set(after) - set(before) == {product for place in everything[planned:] for product in shop.products[place]}


@given(shop=shops(disjoint=False), data=st.data())
def test_more_shards_never_lose_a_product(shop: Shop, data: st.DataObject) -> None:
    """Also when shards share products: each is as good as its best occurrence, so it can only rise."""
    everything = range(len(shop.shards))
    planned = data.draw(st.integers(1, len(shop.shards)))
    few, all_ = (
        {hit.product_id: hit.score for hit in merged(shop.answers(range(n), 99), shop.scoring, 99)}
        for n in (planned, len(everything))
    )
    assert all(all_[product] >= score for product, score in few.items())
