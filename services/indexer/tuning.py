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
_FETCH_STEPS: Final = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 8.0, 12.0, 16.0)
"""First fetches to try, in multiples of the images that it takes at the median."""
_LEAST_FETCH: Final = 32
_DEEPEST: Final = 4_096
_CODES_PER_FETCHED: Final = 128
"""What it costs to fetch one more row and compare it exactly: 62,500 vectors of 256 numbers are scanned by their 4-bit
codes in 0.07 ms of one core, and the 1,104 best of them take 0.16 ms more."""
_LINKS: Final = 64
"""Neighbours that a graph looks at from each node, with FAISS's usual 32 to a side."""


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
    """Find the least effort that finds enough, or the most that can be found when nothing does.

    A picture stands for a shopper's photo: on a drawn gallery of 62,500 pictures of 100 products, the ten best other
    products lie 343 pictures deep at the median and 1,239 at the ninth decile; those of photos 418 and 1,109.

    Args:
        index: FAISS's, by inner product.
        product_of_row: int `(rows,)`, the number of each row's product.
        wanted_recall: share of the ten best products that are to be found, in (0, 1].
    """
    trial = _Trial.of(index, product_of_row)
    best: Tuned | None = None
    deepest = round(trial.depth * _FETCH_STEPS[-1])
    most = Tuned({}, deepest, -1.0)
    for parameters in _parameters(trial.anatomy):
        if best is not None and _scanned(trial.anatomy, parameters) >= _scanned_for(trial.anatomy, best):
            break
        found = trial.of_effort(parameters, deepest)  # a fetch that hides nothing
        most = max(most, found, key=lambda tuned: tuned.recall_at_10)
        if found.recall_at_10 < wanted_recall:
            continue
        for step in _FETCH_STEPS:
            tuned = trial.of_effort(parameters, round(trial.depth * step))
            if tuned.recall_at_10 >= wanted_recall:
                break
        if best is None or _scanned_for(trial.anatomy, tuned) < _scanned_for(trial.anatomy, best):
            best = tuned
    return best or most


@dataclass(frozen=True, slots=True, eq=False)
class _Trial:
    """Pictures of an index's own gallery with what they ought to find.

    Attributes:
        anatomy: of the index.
        product_of_row: int `(rows,)`.
        queries: float32 `(n, dimension)`.
        truth: of each, the ten best products but its own.
        depth: how many of the nearest images it takes to see those, at the median.
    """

    anatomy: Anatomy
    product_of_row: NDArray[np.integer]
    queries: NDArray[np.float32]
    truth: Sequence[set[int]]
    depth: int

    @classmethod
    def of(cls, index: Any, product_of_row: NDArray[np.integer]) -> "_Trial":
        rows = np.random.default_rng(_SEED).permutation(index.ntotal)[:_QUERIES]
        plain = VectorIndex(index, {}, first_fetch=_LEAST_FETCH)
        queries = plain.vectors(np.sort(rows))
        exact = nearest_products([Part(plain)], product_of_row, queries, USUAL_TOP_K + 1, Effort.EXACT)
        depth = _median_depth(plain, queries, exact)
        return cls(Anatomy.of(index), product_of_row, queries, _others(exact, product_of_row), depth)

    def of_effort(self, parameters: Mapping[str, int], first_fetch: int) -> Tuned:
        """Return what is found with so much effort."""
        part = Part(VectorIndex(self.anatomy.index, parameters, first_fetch))
        found = nearest_products([part], self.product_of_row, self.queries, USUAL_TOP_K + 1)
        return Tuned(parameters, first_fetch, _recall(_others(found, self.product_of_row), self.truth))


def _parameters(anatomy: Anatomy) -> Iterable[Mapping[str, int]]:
    """Yield the search parameters to try, the quickest first."""
    match anatomy.knob:
        case Knob.NPROBE:
            halves = (2**power * part // 2 for power in range(2, anatomy.lists.bit_length()) for part in (2, 3))
            yield from ({"nprobe": probed} for probed in halves if probed < anatomy.lists)
            yield {"nprobe": anatomy.lists}
        case Knob.EF_SEARCH:
            yield from ({"efSearch": 2**power} for power in range(4, 11))
        case Knob.NONE:
            yield {}


def _scanned(anatomy: Anatomy, parameters: Mapping[str, int]) -> float:
    """Return how many codes a search looks at, about."""
    rows: int = anatomy.index.ntotal
    match anatomy.knob:
        case Knob.NPROBE:
            return rows * parameters["nprobe"] / anatomy.lists
        case Knob.EF_SEARCH:
            return float(parameters["efSearch"] * _LINKS)
        case Knob.NONE:
            return float(rows)


def _scanned_for(anatomy: Anatomy, tuned: Tuned) -> float:
    """Return what a search costs, in codes that could be scanned for it: so that a build does not depend on a clock."""
    return _scanned(anatomy, tuned.parameters) + tuned.first_fetch * _CODES_PER_FETCHED


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
