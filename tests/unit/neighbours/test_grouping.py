"""Grouping keeps the first hit of each product, whatever order ties come in."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.neighbours.grouping import group_by_product, group_every_row
from tests.support.shards import best_products


@given(st.data())
def test_what_is_settled_is_what_a_full_scan_finds(data: st.DataObject) -> None:
    """Any prefix of the neighbours that is called settled gives the answer of all neighbours."""
    images = data.draw(st.integers(1, 30))
    similarities = data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=images, max_size=images))
    products = data.draw(st.lists(st.integers(0, 8), min_size=images, max_size=images))
    top_k = data.draw(st.integers(1, 12))
    fetch = data.draw(st.integers(1, images))
    shuffled = data.draw(st.permutations(range(images)))
    nearest = sorted(shuffled, key=lambda row: -similarities[row])[:fetch]
    expected = best_products(similarities, [str(product) for product in products], top_k)

    grouped = group_by_product(
        np.array([similarities[row] for row in nearest], dtype=np.float32),
        np.array(nearest, dtype=np.int64),
        np.array(products, dtype=np.int64),
        top_k,
        floor=-np.inf if fetch == images else similarities[nearest[-1]],
    )

    assert grouped.settled or fetch < images
    if grouped.settled:
        assert [(str(products[row]), row) for row in grouped.rows] == expected
        assert grouped.similarities.tolist() == [similarities[row] for _, row in expected]


@given(st.data())
def test_one_pass_over_every_image_finds_what_a_full_scan_finds(data: st.DataObject) -> None:
    """In blocks of any size, with ties within them and between them; what was not compared is not found."""
    images = data.draw(st.integers(1, 30))
    similarities = data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=images, max_size=images))
    products = data.draw(st.lists(st.integers(0, 8), min_size=images, max_size=images))
    rows = np.array(sorted(data.draw(st.sets(st.integers(0, images - 1)))), np.int64)
    top_k, size = data.draw(st.integers(1, 12)), data.draw(st.integers(1, images))
    both = np.array([similarities, similarities[::-1]], np.float32)
    blocks = [(both[:, rows[start : start + size]], rows[start : start + size]) for start in range(0, len(rows), size)]

    answers = group_every_row(blocks, np.array(products, np.int32), 9, 2, top_k)

    for of_query, grouped in zip(both.tolist(), answers, strict=True):
        expected = best_products([of_query[row] for row in rows], [str(products[row]) for row in rows], top_k)
        assert grouped.rows.tolist() == [rows[place] for _, place in expected]
        assert grouped.similarities.tolist() == [of_query[row] for row in grouped.rows]
        assert grouped.settled


def test_places_that_the_index_could_not_fill_settle_it() -> None:
    """An index that returns -1 has no more to give, however few products there are."""
    grouped = group_by_product(
        np.array([0.5, 0.25, -3e38], dtype=np.float32), np.array([4, 2, -1]), np.arange(5), top_k=3, floor=-np.inf
    )

    assert grouped.settled
    assert grouped.rows.tolist() == [4, 2]


def test_a_tie_at_the_end_is_not_settled() -> None:
    """While the last neighbour ties with the last product kept, a lower row may still come."""
    grouped = group_by_product(
        np.array([0.5, 0.25], dtype=np.float32), np.array([3, 2]), np.arange(5), top_k=2, floor=0.25
    )

    assert not grouped.settled


def test_enough_products_and_a_worse_neighbour_settle_it() -> None:
    """With `top_k` products and one neighbour that is worse, nothing can change any more."""
    grouped = group_by_product(
        np.array([0.5, 0.25], dtype=np.float32), np.array([3, 2]), np.arange(5), top_k=1, floor=0.25
    )

    assert grouped.settled
    assert grouped.rows.tolist() == [3]
