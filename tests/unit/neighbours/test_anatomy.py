"""The parts of an index are found whatever it is made of."""

from typing import Any

import faiss
import pytest

from services.neighbours.anatomy import Anatomy, Knob
from tests.support.snapshots import unit_vectors


def built(factory: str) -> Any:
    """Return an index of 40 vectors."""
    index: Any = faiss.index_factory(8, factory, faiss.METRIC_INNER_PRODUCT)
    index.train(unit_vectors(40, 8))
    index.add(unit_vectors(40, 8))
    return index


@pytest.mark.parametrize(
    ("factory", "proposer", "storage", "knob"),
    [
        ("Flat", "IndexFlat", "IndexFlat", Knob.NONE),
        ("SQ8", "IndexScalarQuantizer", "IndexScalarQuantizer", Knob.NONE),
        ("PQ4x4", "IndexPQ", "IndexPQ", Knob.NONE),
        ("PQ4x4,Refine(SQ8)", "IndexPQ", "IndexScalarQuantizer", Knob.NONE),
        ("PQ4x4fs", "IndexPQFastScan", None, Knob.NONE),
        ("PQ4x4fs,RFlat", "IndexPQFastScan", "IndexFlat", Knob.NONE),
        ("HNSW8", "IndexHNSWFlat", "IndexFlat", Knob.EF_SEARCH),
        ("IVF2,Flat", "IndexIVFFlat", None, Knob.NPROBE),
        ("IVF2,PQ4x4fs,RFlat", "IndexIVFPQFastScan", "IndexFlat", Knob.NPROBE),
        ("Flat,Refine(HNSW8)", "IndexRefine", None, Knob.NONE),
    ],
)
def test_what_proposes_what_keeps_and_what_says_how_closely(
    factory: str, proposer: str, storage: str | None, knob: Knob
) -> None:
    """A refinement that keeps no list of codes is asked as a whole."""
    anatomy = Anatomy.of(built(factory))

    assert type(anatomy.proposer).__name__ == proposer
    assert (anatomy.storage and type(anatomy.storage).__name__) == storage
    assert anatomy.knob is knob
    assert anatomy.lists == (2 if knob is Knob.NPROBE else 0)


def test_parameters_are_of_the_kind_that_the_proposer_knows() -> None:
    """FAISS refuses those of another kind."""
    lists, graph = Anatomy.of(built("IVF2,Flat")), Anatomy.of(built("HNSW8"))

    assert lists.search_parameters({"nprobe": 2}).nprobe == 2
    assert graph.search_parameters({"efSearch": 20}).efSearch == 20
    assert graph.search_parameters({}) is None
