"""Golden queries: exact, clear, and no vector of the gallery."""

import numpy as np
import pytest

from services.indexer.golden import golden_queries
from tests.support.snapshots import unit_vectors


@pytest.mark.parametrize("images", [1, 2, 7, 8, 9, 500])
def test_golden_queries_name_the_nearest_vector(images: int) -> None:
    """At most eight, each with the row and similarity that a plain scan finds, far ahead of the second."""
    vectors = unit_vectors(images, 16)
    golden = golden_queries(vectors)
    assert 1 <= len(golden.rows) <= min(8, images)
    similarities = golden.query_vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    np.testing.assert_array_equal(golden.rows, similarities.argmax(axis=1))
    np.testing.assert_allclose(golden.similarities, similarities.max(axis=1), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(golden.query_vectors, axis=1), 1.0, atol=1e-6)
    if images > 1:
        assert np.all(golden.similarities < 0.999), "a query that is in the gallery proves little"


def test_pictures_that_are_there_twice_give_no_golden_query() -> None:
    """Between two equal vectors either could come first: no known answer, so no query."""
    vectors = np.repeat(unit_vectors(5, 16), 2, axis=0)
    assert len(golden_queries(vectors).rows) == 0
    assert golden_queries(np.concatenate([vectors, unit_vectors(20, 16, seed=1)])).rows.min() >= len(vectors)
