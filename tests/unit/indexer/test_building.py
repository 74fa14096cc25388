"""An index is built as wished, tuned to the recall that is wanted, or replaced by one that looks closer."""

import faiss
import numpy as np
import pytest

from services.benchmarks.gallery import Gallery, Shape
from services.common.errors import SettingsInvalid
from services.indexer import building
from services.indexer.building import build_index
from services.neighbours.products import Part, nearest_products
from services.neighbours.vector_index import Effort
from services.snapshot.index_rules import IndexRules
from tests.support.snapshots import unit_vectors

GALLERY = Gallery(Shape(images=6_000, products=200, categories=1), seed=3, dimension=32)
DRAWN = GALLERY.category(0)


@pytest.mark.parametrize("factory", ["", "Flat", "HNSW16", "IVF64,Flat", "IVF64,PQ16x4fs,RFlat", "SQ8", "PQ16x4"])
def test_what_is_promised_holds_for_photos(factory: str) -> None:
    """Photos were not there when it was built; the recall in the manifest is true for them all the same."""
    built = build_index(DRAWN.vectors, DRAWN.product_of_row, IndexRules(factory))
    photos, part = GALLERY.photos(200).vectors, Part(built.searchable)

    found = [
        nearest_products([part], DRAWN.product_of_row, photos, 10, effort) for effort in (Effort.TUNED, Effort.EXACT)
    ]

    products = [[set(DRAWN.product_of_row[each.rows].tolist()) for each in answers] for answers in found]
    recall = np.mean([len(some & exact) / 10 for some, exact in zip(*products, strict=True)])
    assert built.factory == (factory or "PQ16x4fs,RFlat")
    assert built.tuned.recall_at_10 >= 0.99
    assert recall >= 0.98


def test_more_recall_takes_more_effort() -> None:
    """A graph that has to find more looks at more links."""
    little, much = (
        build_index(DRAWN.vectors, DRAWN.product_of_row, IndexRules("HNSW8", wanted)).tuned for wanted in (0.8, 0.999)
    )
    assert little.parameters["efSearch"] < much.parameters["efSearch"]
    assert little.recall_at_10 < much.recall_at_10


def test_a_chosen_index_that_does_not_find_enough_gives_way_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    """To the first that does; one that was asked for stays, for whoever asked wants it."""
    poor = "HNSW2"
    monkeypatch.setattr(building, "index_factories", lambda *_: (poor, "SQ8,RFlat", "Flat"))
    vectors, product_of_row = unit_vectors(3_000, 64), np.arange(3_000)

    chosen = build_index(vectors, product_of_row)
    wished = build_index(vectors, product_of_row, IndexRules(poor))

    assert chosen.factory == "SQ8,RFlat"
    assert chosen.tuned.recall_at_10 >= 0.99
    assert wished.factory == poor
    assert wished.tuned.recall_at_10 < 0.99


def test_a_factory_that_faiss_does_not_know_is_refused_by_name() -> None:
    """And so is one whose codes do not divide the vectors."""
    for factory in ("HNWS32", "PQ7x4fs"):
        with pytest.raises(SettingsInvalid, match=factory):
            build_index(unit_vectors(100, 16), np.arange(100), IndexRules(factory))


@pytest.mark.parametrize(
    ("factory", "told"), [("PCA8,IVF4,Flat", "can't search it exactly"), ("HNSW8_PQ4x4", "none of its vectors'")]
)
def test_an_index_that_can_be_built_but_not_asked_is_refused_by_name(factory: str, told: str) -> None:
    """The first gives no vector back; the second ranks by distances, and would mix them with similarities."""
    with pytest.raises(SettingsInvalid, match=f"{factory}.*{told}") as refused:
        build_index(unit_vectors(600, 16), np.arange(600), IndexRules(factory))
    assert refused.value.field == "index_factory"


def test_graphs_and_codes_do_not_depend_on_threads() -> None:
    """The same catalogue gives the same files, however many cores index it."""
    usual_threads = faiss.omp_get_max_threads()
    for factory in ("HNSW32", "PQ4x4fs,RFlat", "IVF16,PQ4x4fs,RFlat"):
        indexes = []
        for threads in (1, 4):
            faiss.omp_set_num_threads(threads)
            built = build_index(unit_vectors(3_000, 8), np.arange(3_000) // 3, IndexRules(factory))
            indexes.append((faiss.serialize_index(built.index).tobytes(), built.tuned))
        faiss.omp_set_num_threads(usual_threads)
        assert indexes[0] == indexes[1], factory


def test_a_shard_of_few_products_is_tuned_too() -> None:
    """Fewer products than ten, and a single one: there is nothing to miss."""
    for products in (1, 4):
        built = build_index(unit_vectors(300, 8), np.arange(300) % products)
        assert built.tuned.recall_at_10 == 1.0
