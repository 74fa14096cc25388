"""A shard finds exactly the products that an exact search in numpy finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.neighbours import exhaustive, products
from services.neighbours.vector_index import Effort
from tests.support.shards import best_products, shard_of
from tests.support.snapshots import unit_vectors


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_answers_as_an_exact_search_does(data: st.DataObject) -> None:
    """Ties, equal pictures, few products and many images of one: all come out as in an exact search."""
    images = data.draw(st.integers(1, 40))
    # Whole numbers: their inner products are exact, so ties are real ties.
    numbers = data.draw(st.lists(st.integers(-1, 1), min_size=images * 4, max_size=images * 4))
    vectors = np.array(numbers, dtype=np.float32).reshape(images, 4)
    product_ids = [f"p{n}" for n in data.draw(st.lists(st.integers(0, 6), min_size=images, max_size=images))]
    queries = np.array(data.draw(st.lists(st.integers(-2, 2), min_size=12, max_size=12)), dtype=np.float32)
    queries = queries.reshape(3, 4)
    top_k = data.draw(st.integers(1, 10))

    answers = shard_of(vectors, product_ids).search(queries, top_k)

    for query, hits in zip(queries, answers, strict=True):
        similarities = (vectors @ query).tolist()
        expected = best_products(similarities, product_ids, top_k)
        assert hits.product_ids == [product for product, _ in expected]
        assert hits.image_ids == [f"image-{row}" for _, row in expected]
        assert hits.image_paths == [f"image-{row}.jpg" for _, row in expected]
        assert hits.categories == [f"category of {product}" for product, _ in expected]
        assert hits.similarities == [similarities[row] for _, row in expected]


def test_a_product_with_very_many_images_does_not_crowd_out_the_others() -> None:
    """The 900 nearest images show one product; the answer still has ten."""
    query = unit_vectors(1, 16)
    near = query + 0.01 * unit_vectors(900, 16, seed=1)
    vectors = np.concatenate([near, unit_vectors(100, 16, seed=2)]).astype(np.float32)
    product_ids = ["crowd"] * 900 + [f"product-{number}" for number in range(100)]

    (hits,) = shard_of(vectors, product_ids).search(query, 10)

    assert hits.product_ids[0] == "crowd"
    assert len(set(hits.product_ids)) == 10


def test_asked_for_more_products_than_there_are_gives_all() -> None:
    """`top_k` above the number of products gives every product once."""
    (hits,) = shard_of(unit_vectors(6, 8), ["a", "a", "b", "b", "c", "c"]).search(unit_vectors(1, 8, seed=1), 1_000)

    assert sorted(hits.product_ids) == ["a", "b", "c"]


@pytest.mark.parametrize("factory", ["HNSW32", "IVF16,Flat", "SQ8"])
def test_approximate_indexes_end_and_give_distinct_products(factory: str) -> None:
    """An index that misses neighbours, or can't fill its places, neither loops for ever nor repeats a product."""
    vectors = unit_vectors(800, 16)
    shard = shard_of(vectors, [f"product-{row // 4}" for row in range(800)], factory)

    for hits in shard.search(vectors[:5], 500):
        assert hits.image_ids
        assert len(set(hits.product_ids)) == len(hits.product_ids)
        assert hits.similarities == sorted(hits.similarities, reverse=True)


@pytest.mark.parametrize("factory", ["Flat", "HNSW32", "IVF16,Flat"])
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_exact_search_finds_what_comparing_with_every_vector_finds(factory: str, data: st.DataObject) -> None:
    """Whatever the index is, ties and products with several images included."""
    seed = data.draw(st.integers(0, 1_000))
    distinct = unit_vectors(150, 8, seed=seed)
    vectors = np.concatenate([distinct, distinct[:50]])  # doubled pictures tie
    product_ids = [f"product-{row % 37}" for row in range(len(vectors))]
    queries = unit_vectors(3, 8, seed=seed + 1)
    top_k = data.draw(st.integers(1, 40))

    answers = shard_of(vectors, product_ids, factory).search(queries, top_k, Effort.EXACT)

    for query, hits in zip(queries, answers, strict=True):
        expected = best_products((vectors @ query).tolist(), product_ids, top_k)
        np.testing.assert_allclose(hits.similarities, [float(vectors[row] @ query) for _, row in expected], atol=1e-6)
        assert hits.product_ids == [product for product, _ in expected]
        assert hits.image_ids == [f"image-{row}" for _, row in expected]
        assert hits.exhausted == (top_k >= 37)


def test_exact_search_finds_what_a_graph_misses() -> None:
    """A graph of two links per vector misses many; an exact search of the same shard misses none."""
    vectors, queries = unit_vectors(2_000, 32), unit_vectors(20, 32, seed=1)
    product_ids = [f"product-{row}" for row in range(2_000)]
    shard = shard_of(vectors, product_ids, "HNSW2")
    right = [best_products((vectors @ query).tolist(), product_ids, 5) for query in queries]

    def recall(effort: Effort) -> float:
        answers = shard.search(queries, 5, effort)
        pairs = zip(right, answers, strict=True)
        return float(np.mean([len({product for product, _ in best} & set(a.product_ids)) / 5 for best, a in pairs]))

    assert recall(Effort.EXACT) == 1.0
    assert recall(Effort.TUNED) < 0.9


def test_vectors_that_an_index_gives_back_in_blocks_are_all_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The neighbours may lie in any of the blocks."""
    monkeypatch.setattr(exhaustive, "_BLOCK_ROWS", 7)
    vectors, queries = unit_vectors(200, 8), unit_vectors(4, 8, seed=1)
    shard = shard_of(vectors, [f"product-{row}" for row in range(200)], "IVF4,Flat")

    for query, hits in zip(queries, shard.search(queries, 30, Effort.EXACT), strict=True):
        assert hits.image_ids == [f"image-{row}" for row in np.argsort(-(vectors @ query), kind="stable")[:30]]


def test_a_big_batch_is_searched_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks bound the memory and change no answer."""
    shard = shard_of(unit_vectors(50, 8), [f"product-{row // 3}" for row in range(50)])
    queries = unit_vectors(20, 8, seed=1)
    at_once = shard.search(queries, 5)
    monkeypatch.setattr(products, "_MAX_NEIGHBOURS_AT_ONCE", 30)

    in_blocks = shard.search(queries, 5)

    assert [hits.product_ids for hits in in_blocks] == [hits.product_ids for hits in at_once]
