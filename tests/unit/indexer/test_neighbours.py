"""The nearest products, against comparing one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.indexer import neighbours
from services.indexer.neighbours import nearest_products
from tests.support.snapshots import unit_vectors

PHOTOS = 5


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_finds_what_comparing_one_by_one_finds(data: st.DataObject) -> None:
    """The best image of each product counts, whatever the blocks are, and missing places are -inf."""
    products = data.draw(st.integers(1, 12))
    rest = data.draw(st.lists(st.integers(0, products - 1), max_size=20))
    product_of_row = np.array(data.draw(st.permutations([*range(products), *rest])), np.intp)
    depth = data.draw(st.integers(1, 6))
    labels = data.draw(
        st.lists(st.tuples(st.integers(0, PHOTOS - 1), st.integers(0, products - 1)), max_size=8, unique=True)
    )
    photos, vectors = unit_vectors(PHOTOS, 8, seed=1), unit_vectors(len(product_of_row), 8, seed=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "_BLOCK_SIMILARITIES", data.draw(st.integers(1, 200)))
        similarities, right = nearest_products(
            photos, vectors, product_of_row, np.array(labels, np.intp).reshape(-1, 2), depth
        )
    for photo in range(PHOTOS):
        every = vectors @ photos[photo]
        best = sorted(((float(every[product_of_row == p].max()), p) for p in range(products)), reverse=True)
        expected = best[:depth]
        on_it = {product for at, product in labels if at == photo}
        padding = depth - len(expected)
        np.testing.assert_allclose(similarities[photo], [s for s, _ in expected] + [-np.inf] * padding, atol=1e-6)
        assert right[photo].tolist() == [product in on_it for _, product in expected] + [False] * padding
