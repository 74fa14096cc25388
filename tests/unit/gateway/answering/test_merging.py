"""Merging, against the plainest oracle: one flat list of everything, sorted."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.answering.merging import Hit, ShardHits, merge_top_k
from tests.support.gateway import hits_of

Shard = tuple[ShardHits, np.ndarray[tuple[int], np.dtype[np.float64]]]


@dataclass(frozen=True)
class Picture:
    """A gallery image; similarities are few, so that ties are many."""

    product: str
    image: str
    similarity: float
    shard: int


@st.composite
def galleries(draw: st.DrawFn) -> list[Picture]:
    """Any gallery, and any partition of it over at most five shards; a product may have images in several."""
    similarities = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0])
    rows = draw(st.lists(st.tuples(st.integers(0, 7), similarities, st.integers(0, 4)), min_size=1, max_size=20))
    numbers = draw(st.permutations(range(len(rows))))
    return [
        Picture(f"p{product}", f"i{number:02}", similarity, shard)
        for number, (product, similarity, shard) in zip(numbers, rows, strict=True)
    ]


def best_images(pictures: Sequence[Picture]) -> list[Picture]:
    """The best image of each product, best first, ties by id: what one flat index answers."""
    found: dict[str, Picture] = {}
    for picture in sorted(pictures, key=lambda each: (-each.similarity, each.product, each.image)):
        found.setdefault(picture.product, picture)
    return list(found.values())


def shard_of(pictures: Sequence[Picture], top_k: int) -> ShardHits:
    """What a searcher answers: the best `top_k` products of its pictures."""
    best = best_images(pictures)[:top_k]
    return ShardHits(
        [picture.product for picture in best],
        [picture.image for picture in best],
        [f"{picture.image}.jpg" for picture in best],
        [f"C{picture.shard}" for picture in best],
        np.array([picture.similarity for picture in best], np.float32),
        exhausted=False,
    )


def shards_of(pictures: Sequence[Picture], top_k: int) -> list[Shard]:
    shards = []
    for number in sorted({picture.shard for picture in pictures}):
        hits = shard_of([picture for picture in pictures if picture.shard == number], top_k)
        shards.append((hits, hits.similarities.astype(np.float64)))
    return shards


@given(pictures=galleries(), top_k=st.integers(1, 12))
def test_any_partition_merges_to_the_flat_answer(pictures: list[Picture], top_k: int) -> None:
    """Products, images, categories and similarities are those of one index over everything."""
    merged = merge_top_k(shards_of(pictures, top_k), top_k)
    assert [(hit.product_id, hit.image_id, hit.category, hit.similarity) for hit in merged] == [
        (best.product, best.image, f"C{best.shard}", best.similarity) for best in best_images(pictures)[:top_k]
    ]


@given(pictures=galleries(), top_k=st.integers(1, 12), data=st.data())
def test_the_order_of_shards_never_matters(pictures: list[Picture], top_k: int, data: st.DataObject) -> None:
    """Whichever shard answers first, the answer is the same."""
    shards = shards_of(pictures, top_k)
    shuffled = data.draw(st.permutations(shards))
    assert merge_top_k(shuffled, top_k) == merge_top_k(shards, top_k)


@given(pictures=galleries(), top_k=st.integers(1, 12))
def test_products_are_distinct_and_best_first(pictures: list[Picture], top_k: int) -> None:
    """Nobody is shown the same product twice, and k is exact where there are enough."""
    merged = merge_top_k(shards_of(pictures, top_k), top_k)
    products = [hit.product_id for hit in merged]
    assert len(set(products)) == len(products) == min(top_k, len({picture.product for picture in pictures}))
    assert [hit.score for hit in merged] == sorted((hit.score for hit in merged), reverse=True)


def test_the_score_decides_before_the_similarity() -> None:
    """A shard whose scores are lower by its prior comes later, however similar its hits are."""
    likely, unlikely = hits_of({"a": 0.5}), hits_of({"b": 0.9})
    merged = merge_top_k([(unlikely, np.array([-1.0])), (likely, np.array([0.0]))], 2)
    assert [(hit.product_id, hit.score, hit.similarity) for hit in merged] == [
        ("a", 0.5, 0.5),
        ("b", pytest.approx(1 / (1 + np.e)), pytest.approx(0.9)),
    ]


def test_ranking_does_not_end_where_probabilities_do() -> None:
    """Two hits that are both as good as certain, or both as good as impossible, keep their order."""
    for near, nearer in ((80.0, 90.0), (-900.0, -800.0)):
        shards = [(hits_of({"a": 0.9}), np.array([near])), (hits_of({"b": 0.5}, "B"), np.array([nearer]))]
        merged = merge_top_k(shards, 2)
        assert [hit.product_id for hit in merged] == ["b", "a"]
        assert merged[0].score == merged[1].score


def test_a_product_in_two_shards_keeps_its_better_score() -> None:
    """Its image and category are those of the better hit."""
    shards = [(hits_of({"p": 0.75}), np.array([-1.0])), (hits_of({"p": 0.25}, "B"), np.array([0.0]))]
    assert merge_top_k(shards, 5) == (Hit("p", "p-image", "p.jpg", "B", 0.5, 0.25),)


def test_ties_go_to_the_lower_product_id() -> None:
    """Equal score and similarity: by product id, whatever the shards' order."""
    shards = [(hits_of({"z": 0.5}), np.array([0.5])), (hits_of({"a": 0.5}, "B"), np.array([0.5]))]
    assert [hit.product_id for hit in merge_top_k(shards, 2)] == ["a", "z"]


def test_equal_scores_go_to_the_more_similar() -> None:
    """Before the product id decides."""
    shards = [(hits_of({"a": 0.8}), np.array([1.0])), (hits_of({"b": 0.9}, "B"), np.array([1.0]))]
    assert [hit.product_id for hit in merge_top_k(shards, 2)] == ["b", "a"]


@pytest.mark.parametrize("shards", [[], [(hits_of({}), np.array([]))]])
def test_nothing_found_is_an_empty_answer(shards: list[Shard]) -> None:
    """No shard, or none with a hit, is no error."""
    assert merge_top_k(shards, 10) == ()


def test_more_wanted_than_there_is() -> None:
    """Few hits are a short answer."""
    assert len(merge_top_k([(hits_of({"a": 0.5, "b": 0.4}), np.array([0.7, 0.6]))], 1_000)) == 2


def test_what_makes_no_sense_is_refused() -> None:
    """No place to fill, or scores that belong to other hits."""
    hits = hits_of({"a": 0.5, "b": 0.4})
    with pytest.raises(ValueError, match="at least 1"):
        merge_top_k([(hits, np.array([0.7, 0.6]))], 0)
    with pytest.raises(ValueError, match="differ in length"):
        merge_top_k([(hits, np.array([0.7]))], 1)
    with pytest.raises(ValueError, match="differ in length"):
        merge_top_k([(ShardHits(["a"], ["i"], [], ["A"], hits.similarities[:1], exhausted=True), np.array([0.7]))], 1)
    with pytest.raises(ValueError, match="differ in length"):
        merge_top_k(
            [(ShardHits(["a"], ["i"], ["i.jpg"], ["A"], hits.similarities, exhausted=True), np.array([0.7]))], 1
        )
