"""How closely an index has to look: tried with pictures of its own gallery, asked for all products but their own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.neighbours.anatomy import Anatomy, Knob
from services.neighbours.grouping import Grouped
from services.neighbours.products import USUAL_TOP_K, Part, nearest_products
from services.neighbours.vector_index import Effort, VectorIndex

_QUERIES: Final = 128
_SEED: Final = 29
_FETCH_STEPS: Final = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
"""First fetches to try, in multiples of the images that it takes at the median."""
_LEAST_FETCH: Final = 32
_DEEPEST: Final = 4_096


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was found.

    Attributes:
        parameters: FAISS's search parameters.
        first_fetch: images to ask for first when ten products are wanted.
        recall_at_10: share of the ten best products that are found so.
    """

    parameters: Mapping[str, int]
    first_fetch: int
    recall_at_10: float


def tune(index: Any, product_of_row: NDArray[np.integer], wanted_recall: float) -> Tuned:
    """Find the least effort that finds enough, or the most that can be made when nothing does.

    A picture stands for a shopper's photo: on a drawn gallery of 62,500 pictures of 100 products, the ten best other
    products lie 343 pictures deep at the median and 1,239 at the ninth decile; those of photos 418 and 1,109.

    Args:
        index: FAISS's, by inner product.
        product_of_row: int `(rows,)`, the number of each row's product.
        wanted_recall: share of the ten best products that are to be found, in (0, 1].
    """
    rows = np.random.default_rng(_SEED).permutation(index.ntotal)[:_QUERIES]
    plain = VectorIndex(index, {}, first_fetch=_LEAST_FETCH)
    queries = plain.vectors(np.sort(rows))
    exact = nearest_products([Part(plain)], product_of_row, queries, USUAL_TOP_K + 1, Effort.EXACT)
    truth = _others(exact, product_of_row)
    depth = _median_depth(plain, queries, exact)
    best: Tuned | None = None

    def tried(parameters: Mapping[str, int], first_fetch: int) -> Tuned:
        nonlocal best
        part = Part(VectorIndex(index, parameters, first_fetch))
        found = nearest_products([part], product_of_row, queries, USUAL_TOP_K + 1)
        tuned = Tuned(parameters, first_fetch, _recall(_others(found, product_of_row), truth))
        if best is None or tuned.recall_at_10 > best.recall_at_10:
            best = tuned
        return tuned

    # First the lists or links with a fetch that hides nothing, and half of the losses allowed; then the fetch.
    deepest = round(depth * _FETCH_STEPS[-1])
    strict = (1 + wanted_recall) / 2
    choices = list(_parameters(index))
    parameters = next((each for each in choices if tried(each, deepest).recall_at_10 >= strict), choices[-1])
    for step in _FETCH_STEPS:
        tuned = tried(parameters, round(depth * step))
        if tuned.recall_at_10 >= wanted_recall:
            return tuned
    assert best is not None
    return best


def _parameters(index: Any) -> Iterable[Mapping[str, int]]:
    """Yield the search parameters to try, the quickest first."""
    anatomy = Anatomy.of(index)
    match anatomy.knob:
        case Knob.NPROBE:
            yield from ({"nprobe": 2**power} for power in range(2, anatomy.lists.bit_length() - 1))
            yield {"nprobe": anatomy.lists}
        case Knob.EF_SEARCH:
            yield from ({"efSearch": 2**power} for power in range(4, 11))
        case Knob.NONE:
            yield {}


def _others(found: Sequence[Grouped], product_of_row: NDArray[np.integer]) -> list[set[int]]:
    """Return the ten best products of each query without the first, which is its own."""
    return [set(product_of_row[grouped.rows[1:]].tolist()) for grouped in found]


def _recall(found: Sequence[set[int]], truth: Sequence[set[int]]) -> float:
    shares = [len(some & all_) / len(all_) for some, all_ in zip(found, truth, strict=True) if all_]
    return float(np.mean(shares)) if shares else 1.0


def _median_depth(index: VectorIndex, queries: NDArray[np.float32], exact: Sequence[Grouped]) -> int:
    """Return how many of the nearest images it takes to see the products that were found, at the median."""
    last = np.array([grouped.similarities[-1] for grouped in exact])
    nearest = index.nearest(queries, _DEEPEST, Effort.EXACT)
    return max(_LEAST_FETCH, int(np.median((nearest.similarities >= last[:, np.newaxis]).sum(axis=1))))
