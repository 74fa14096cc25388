"""With a filter a shard finds what an exact search among the images that pass finds."""

import gc
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.filters.predicate import Equals, OneOf, Predicate, Present, Range, Value
from services.neighbours.vector_index import Effort
from services.searcher import shard as shard_module
from services.searcher.filtering import Passing, passing
from services.searcher.shard import ProductHits, Shard
from tests.support.filters import holds, predicates
from tests.support.shards import best_products, shard_of
from tests.support.snapshots import unit_vectors

COLOURS = ("red", "blue", None)
PREDICATES = predicates({"colour": st.sampled_from(("red", "blue", "green")), "price": st.integers(0, 9)})


@pytest.mark.parametrize("factory", ["Flat", "HNSW32", "PQ4x4fs,RFlat", "IVF4,PQ4x4fs,RFlat", "SQ8"])
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_only_what_passes_is_found_and_nothing_of_it_is_missing(factory: str, data: st.DataObject) -> None:
    """Whatever passes, from nothing to everything, in two segments some images of which were withdrawn.

    An exact search finds the best; any other finds as many products, with right similarities.
    """
    images, effort = 120, data.draw(st.sampled_from(Effort))
    top_k, products = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 30))
    vectors, query = unit_vectors(images, 8, seed=data.draw(st.integers(0, 20))), unit_vectors(1, 8, seed=21)
    product_ids = [f"product-{row % products}" for row in range(images)]
    withdrawn = data.draw(st.sets(st.integers(0, images - 1), max_size=40))
    lot = np.random.default_rng(data.draw(st.integers(0, 20)))
    attributes: dict[str, list[Value | None]] = {
        "colour": [COLOURS[number] for number in lot.integers(3, size=images)],
        "price": [None if number > 9 else int(number) for number in lot.integers(12, size=images)],
    }
    predicate = data.draw(PREDICATES)
    shard = shard_of(vectors, product_ids, factory, attributes=attributes, sizes=(70, 50), withdrawn=withdrawn)

    (hits,) = shard.search(query, top_k, effort, predicate)

    passes = [
        row not in withdrawn and holds(predicate, {name: values[row] for name, values in attributes.items()}) is True
        for row in range(images)
    ]
    check(
        hits,
        passes,
        product_ids,
        (vectors @ query[0]).tolist(),
        top_k,
        is_exact=effort is Effort.EXACT and factory != "SQ8",
    )


def check(
    hits: ProductHits,
    passes: Sequence[bool],
    product_ids: Sequence[str],
    similarities: Sequence[float],
    top_k: int,
    *,
    is_exact: bool,
) -> None:
    rows = [row for row, one_passes in enumerate(passes) if one_passes]
    products = {product_ids[row] for row in rows}
    found = [int(image_id.removeprefix("image-")) for image_id in hits.image_ids]
    assert set(found) <= set(rows)
    assert hits.product_ids == [product_ids[row] for row in found]
    assert len(set(hits.product_ids)) == len(found) == min(top_k, len(products))
    assert hits.exhausted == (len(found) == len(products))
    assert hits.similarities == sorted(hits.similarities, reverse=True)
    np.testing.assert_allclose(hits.similarities, [similarities[row] for row in found], atol=2e-2)
    if is_exact:
        best = best_products([similarities[row] for row in rows], [product_ids[row] for row in rows], top_k)
        assert found == [rows[place] for _, place in best]


RED, CHEAP = Equals("colour", "red"), Range("price", below=5)


def small_shard() -> Shard:
    """Return four products, two of which have a red image, one of them withdrawn."""
    return shard_of(
        unit_vectors(6, 8),
        ["a", "a", "b", "b", "c", "d"],
        attributes={"colour": ["red", "blue", "red", "red", None, "blue"], "price": [1, 2, 3, 4, 5, 6]},
        withdrawn={0},
    )


@pytest.mark.parametrize(
    ("predicate", "top_k", "products", "exhausted"),
    [
        (None, 10, ["a", "b", "c", "d"], True),
        (None, 4, ["a", "b", "c", "d"], True),
        (RED, 10, ["b"], True),
        (RED, 1, ["b"], True),
        (~RED, 10, ["a", "d"], True),
        (~RED, 1, None, False),
        (~Present("colour"), 10, ["c"], True),
        (Equals("product_id", "a"), 10, ["a"], True),
        (Equals("category", "category of c"), 10, ["c"], True),
        (OneOf("image_id", ("image-0", "image-5")), 10, ["d"], True),
        (Equals("colour", "green"), 10, [], True),
    ],
)
def test_exhausted_means_no_more_that_pass(
    predicate: Predicate | None, top_k: int, products: list[str] | None, *, exhausted: bool
) -> None:
    """Of what was withdrawn nothing passes; what has no colour is neither red nor not red."""
    (hits,) = small_shard().search(unit_vectors(1, 8, seed=1), top_k, predicate=predicate)

    assert hits.exhausted is exhausted
    assert len(hits.product_ids) <= top_k
    if products is not None:
        assert sorted(hits.product_ids) == products


def test_what_a_filter_passes_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next search with the same filter finds it ready; the one that was not used for longest is forgotten."""
    asked: list[object] = []

    def counted(*arguments: object) -> Passing:
        asked.append(arguments[-1])
        return passing(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(shard_module, "passing", counted)
    monkeypatch.setattr(shard_module, "_FILTERS_KEPT", 2)
    shard, query = small_shard(), unit_vectors(1, 8, seed=1)
    for predicate in (RED, CHEAP, Equals("colour", "red"), ~RED, RED, CHEAP):
        shard.search(query, 1, predicate=predicate)

    assert asked == [RED, CHEAP, ~RED, CHEAP]
    assert [shard.remembers(predicate) for predicate in (RED, CHEAP, ~RED)] == [True, True, False]


def test_a_filter_that_passes_everything_costs_nothing_more() -> None:
    """The index is then asked as without a filter."""
    shard = shard_of(unit_vectors(6, 8), ["a"] * 6, attributes={"price": [1] * 6}, sizes=(4, 2), withdrawn={5})
    parts = shard._everything.parts

    among = shard._filters.passing(CHEAP)

    assert [part.selection for part in among.parts] == [part.selection for part in parts]
    assert among.parts[0].selection is None


def test_a_shard_is_freed_as_soon_as_nobody_serves_it() -> None:
    """Also with filters that it remembers: what is mapped must not wait for the garbage collector."""
    shard = small_shard()
    shard.search(unit_vectors(1, 8), 1, predicate=RED)
    table = weakref.ref(shard._items.table)
    gc.disable()
    try:
        del shard
        assert table() is None
    finally:
        gc.enable()


def test_a_shard_tells_its_attributes() -> None:
    """What a filter is checked against: the free ones, with their types."""
    assert small_shard().attributes == {"colour": "string", "price": "integer"}
