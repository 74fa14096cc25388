"""The nearest products of several indexes together are those of one exact scan over all of them."""

from collections.abc import Iterator, Sequence
from typing import Any

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.neighbours import products
from services.neighbours.products import Part, nearest_products
from services.neighbours.vector_index import Effort, VectorIndex
from tests.support.shards import best_products
from tests.support.snapshots import unit_vectors


def parts_of(vectors: NDArray[np.float32], sizes: Sequence[int], first_fetch: int = 2) -> list[Part]:
    """Return flat indexes over consecutive rows."""
    parts, start = [], 0
    for size in sizes:
        index: Any = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors[start : start + size])
        parts.append(Part(VectorIndex(index, {}, first_fetch), start))
        start += size
    return parts


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_partition_into_segments_gives_the_answer_of_the_whole(data: st.DataObject) -> None:
    """Ties across segments, products in several of them, segments of one picture."""
    sizes = data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=5))
    images = sum(sizes)
    # Whole numbers: their inner products are exact, so ties are real ties.
    numbers = data.draw(st.lists(st.integers(-1, 1), min_size=images * 4, max_size=images * 4))
    vectors = np.array(numbers, dtype=np.float32).reshape(images, 4)
    product_of_row = np.array(data.draw(st.lists(st.integers(0, 9), min_size=images, max_size=images)))
    query = np.array(data.draw(st.lists(st.integers(-2, 2), min_size=4, max_size=4)), dtype=np.float32)
    top_k, effort = data.draw(st.integers(1, 12)), data.draw(st.sampled_from(Effort))

    (found,) = nearest_products(parts_of(vectors, sizes), product_of_row, query[np.newaxis], top_k, effort)

    expected = best_products((vectors @ query).tolist(), [str(number) for number in product_of_row], top_k)
    assert found.rows.tolist() == [row for _, row in expected]
    assert found.similarities.tolist() == (vectors[found.rows] @ query).tolist()


def test_blocks_of_queries_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by searching a big batch in blocks."""
    vectors, queries = unit_vectors(60, 8), unit_vectors(25, 8, seed=1)
    product_of_row = np.arange(60) // 3
    usual = products._MAX_NEIGHBOURS_AT_ONCE
    for effort in Effort:
        rows = []
        for most in (usual, 40):
            monkeypatch.setattr(products, "_MAX_NEIGHBOURS_AT_ONCE", most)
            answers = nearest_products(parts_of(vectors, [40, 20]), product_of_row, queries, 5, effort)
            rows.append([each.rows.tolist() for each in answers])
        assert rows[0] == rows[1]


def test_an_exact_search_looks_at_every_image_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """One product has nearly all pictures, so a list of neighbours would have to be twice as long again and again."""
    compared: list[int] = []
    compare = VectorIndex.compared

    def noted(index: VectorIndex, *arguments: Any) -> Iterator[Any]:
        for similarities, rows in compare(index, *arguments):
            compared.append(len(rows))
            yield similarities, rows

    monkeypatch.setattr(VectorIndex, "compared", noted)
    monkeypatch.delattr(VectorIndex, "nearest")
    product_of_row = np.maximum(0, np.arange(400) - 380)
    parts = parts_of(unit_vectors(400, 8), [300, 100])

    (found,) = nearest_products(parts, product_of_row, unit_vectors(1, 8, seed=1), 20, Effort.EXACT)

    assert len(found.rows) == 20
    assert compared == [300, 100]


def test_looking_less_closely_asks_for_half_as_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is what the coarse rung saves."""
    (part,) = parts_of(unit_vectors(400, 8), [400], first_fetch=100)
    asked: list[int] = []
    nearest = VectorIndex.nearest

    def noted(index: VectorIndex, xq: NDArray[np.float32], k: int, *rest: Any) -> Any:
        asked.append(k)
        return nearest(index, xq, k, *rest)

    monkeypatch.setattr(VectorIndex, "nearest", noted)
    for effort in (Effort.TUNED, Effort.COARSE):
        nearest_products([part], np.arange(400), unit_vectors(1, 8, seed=1), 10, effort)

    assert asked == [100, 50]
