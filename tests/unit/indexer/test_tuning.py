"""Of all efforts that find enough, the one that costs least is chosen."""

from typing import Any

import faiss
import numpy as np
import pytest

from services.benchmarks.gallery import Gallery, Shape
from services.indexer import tuning
from services.indexer.tuning import tune
from services.neighbours.anatomy import Anatomy

DRAWN = Gallery(Shape(images=4_000, products=100, categories=1), seed=5, dimension=16).category(0)


def _filled(factory: str) -> Any:
    index: Any = faiss.index_factory(16, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(DRAWN.vectors)
    index.add(DRAWN.vectors)
    if factory == "IVF64,Flat":
        index.make_direct_map()
    return index


@pytest.mark.parametrize("wanted", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("factory", ["IVF64,Flat", "IVF64,PQ8x4fs,RFlat", "PQ8x4fs,RFlat"])
def test_no_other_effort_that_finds_enough_costs_less(factory: str, wanted: float) -> None:
    """The oracle tries every one of them."""
    index = _filled(factory)
    trial = tuning._Trial.of(index, DRAWN.product_of_row)
    tried = [
        trial.of_effort(parameters, round(trial.depth * step))
        for parameters in tuning._parameters(trial.anatomy)
        for step in tuning._FETCH_STEPS
    ]

    tuned = tune(index, DRAWN.product_of_row, wanted)

    least = min(tuning._scanned_for(trial.anatomy, each) for each in tried if each.recall_at_10 >= wanted)
    assert tuned.recall_at_10 >= wanted
    assert tuning._scanned_for(trial.anatomy, tuned) == least


def test_where_nothing_finds_enough_the_most_is_taken() -> None:
    """Coarse codes that nothing refines stay wrong, however many of them are fetched."""
    tuned = tune(_filled("HNSW2"), DRAWN.product_of_row, 1.0)

    assert tuned.parameters == {"efSearch": 1_024}
    assert 0.5 < tuned.recall_at_10 < 1.0


def test_lists_are_tried_in_steps_of_less_than_a_doubling() -> None:
    """From few to all of them, each once."""
    index = faiss.index_factory(16, "IVF64,Flat", faiss.METRIC_INNER_PRODUCT)
    probed = [each["nprobe"] for each in tuning._parameters(Anatomy.of(index))]
    assert probed == [4, 6, 8, 12, 16, 24, 32, 48, 64]
    assert np.diff(probed).min() > 0
