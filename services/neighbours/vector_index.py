"""A FAISS index and the ways to ask it: as it was tuned, less closely, or exactly; for all of its rows or for some."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from services.neighbours.anatomy import Anatomy
from services.neighbours.exhaustive import Neighbours, compared, lengths, nearest_of_all, similarities_of
from services.neighbours.grouping import Compared
from services.neighbours.selection import Selection

_DEEP: Final = 4
"""An approximate search for a quarter of all rows costs more than comparing with every one: with 62,500 rows of 256
numbers and codes of 4 bits, 2.0 against 2.1 ms of one core."""
_FEW: Final = 2
"""When less than half of the expected rows pass, what a filter passes lies elsewhere."""


class Effort(Enum):
    """How closely an index looks."""

    COARSE = "coarse"
    """Half as closely as usual, to save time."""
    TUNED = "tuned"
    """As the indexer found it to be enough."""
    EXACT = "exact"
    """At every vector."""


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """The nearest rows of each query.

    Attributes:
        similarities: float32 `(queries, n)`, in any order; -inf where a place is empty.
        rows: int64 `(queries, n)`; -1 where a place is empty.
        floors: float32 `(queries,)`: rows that are not here may be as similar as this; -inf when all are here.
    """

    similarities: NDArray[np.float32]
    rows: NDArray[np.int64]
    floors: NDArray[np.float32]

    def firsts(self) -> Neighbours:
        """Return the most similar row of each query, and its similarity: float32 and int64 `(queries,)`."""
        queries, places = np.arange(len(self.rows)), self.similarities.argmax(axis=1)
        return self.similarities[queries, places], self.rows[queries, places]


class VectorIndex:
    """Can be asked from many threads at once: nothing in it changes."""

    def __init__(self, index: Any, parameters: Mapping[str, int], first_fetch: int) -> None:
        """Wrap a FAISS index.

        Args:
            index: by inner product.
            parameters: FAISS's search parameters, `nprobe` or `efSearch`; none for an index that has neither.
            first_fetch: rows to ask for first when ten products are wanted.
        """
        self._anatomy = Anatomy.of(index)
        self._is_exact = self._anatomy.is_exact
        self._tuned = self._anatomy.search_parameters(parameters)
        self._coarse = self._anatomy.search_parameters({name: max(1, n // 2) for name, n in parameters.items()})
        self.rows: int = index.ntotal
        self.first_fetch = first_fetch

    def nearest(
        self, xq: NDArray[np.float32], k: int, effort: Effort = Effort.TUNED, selection: Selection | None = None
    ) -> Nearest:
        """Return the nearest rows of each query: about `k` of them, or fewer when there are no more.

        Args:
            xq: float32 `(queries, dimension)`.
            k: at least 1. With a selection it is the rows expected: how many of the nearest are selected, who knows.
            effort: how closely to look.
            selection: which rows may be found; None for all.
        """
        most = self.rows if selection is None else selection.count
        k = min(k, most)
        if not k:
            return _nothing(len(xq))
        fetch = -(-k * self.rows // most)
        if not (effort is Effort.EXACT or self._is_exact or self._is_dear(k, fetch, most)):
            parameters = self._coarse if effort is Effort.COARSE else self._tuned
            proposed = self._proposed(xq, fetch, parameters, selection)
            if selection is None or _are_enough(proposed.rows, k):
                return proposed
        similarities, rows = nearest_of_all(self._anatomy, xq, k, selection)
        return Nearest(similarities, rows, _floors(similarities, rows, all_are_here=k == most))

    def compared(self, xq: NDArray[np.float32], selection: Selection | None = None) -> Iterator[Compared]:
        """Compare each query with every row, or with the selected ones, as `services.neighbours.exhaustive` says."""
        return compared(self._anatomy, xq, selection)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of rows as exactly as the index has them, float32 `(len(rows), dimension)`."""
        vectors: NDArray[np.float32] = self._anatomy.source.reconstruct_batch(rows)
        return vectors

    @property
    def keeps_vectors(self) -> bool:
        """Whether exact search sees the very vectors, and not what codes stand for."""
        return self._anatomy.keeps_vectors

    def lengths(self) -> NDArray[np.float32]:
        """Return the length of every vector, float32 `(rows,)`; it touches all that exact search will."""
        return lengths(self._anatomy)

    def _is_dear(self, k: int, fetch: int, most: int) -> bool:
        """Return whether an approximate search would cost more than comparing with all that may be found.

        To propose a row costs half as much as to compare a selected one: 0.05 against 0.03 to 0.09 microseconds, the
        less the closer together the selected rows lie. So a filter that passes fewer rows than would have to be
        proposed for it is answered exactly: 8,300 of 62,500 rows, in 0.3 to 0.7 ms, when 1,104 are to pass.
        """
        if self._anatomy.storage is None and most == self.rows:
            return False
        return fetch >= most or k * _DEEP >= most

    def _proposed(self, xq: NDArray[np.float32], fetch: int, parameters: Any, selection: Selection | None) -> Nearest:
        """Return those of the `fetch` rows that the index proposes which are selected, by their exact similarities."""
        similarities, rows = self._anatomy.proposer.search(xq, fetch, params=parameters)
        floors = _floors(similarities, rows, all_are_here=fetch == self.rows)
        if selection is not None:
            similarities, rows = _passed(similarities, rows, selection.mask)
        if self._anatomy.refines:
            similarities = similarities_of(self._anatomy.storage, xq, rows)
            # Codes only propose: a row that was not proposed may be as similar as the least similar of those that were.
            floors = np.where(floors == -np.inf, floors, similarities.min(axis=1, initial=np.inf, where=rows >= 0))
        return Nearest(similarities, rows, floors)


def _floors(similarities: NDArray[np.float32], rows: NDArray[np.int64], *, all_are_here: bool) -> NDArray[np.float32]:
    # An index that leaves a place empty has no more: FAISS fills from the best on.
    if all_are_here:
        return np.full(len(rows), -np.inf, np.float32)
    return np.where(rows[:, -1] < 0, np.float32(-np.inf), similarities[:, -1])


def _passed(similarities: NDArray[np.float32], rows: NDArray[np.int64], mask: NDArray[np.bool_]) -> Neighbours:
    """Keep the rows that are selected, in their order, as many places as the query with the most of them needs."""
    passes = mask[rows] & (rows >= 0)
    order = np.argsort(~passes, axis=1, kind="stable")[:, : int(passes.sum(axis=1).max())]
    kept = np.take_along_axis(passes, order, axis=1)
    return (
        np.where(kept, np.take_along_axis(similarities, order, axis=1), np.float32(-np.inf)),
        np.where(kept, np.take_along_axis(rows, order, axis=1), -1),
    )


def _are_enough(rows: NDArray[np.int64], k: int) -> bool:
    """Return whether about as many rows passed as were expected, for every query."""
    return bool(((rows >= 0).sum(axis=1) * _FEW >= k).all())


def _nothing(queries: int) -> Nearest:
    empty = np.empty((queries, 0), np.float32)
    return Nearest(empty, np.empty((queries, 0), np.int64), np.full(queries, -np.inf, np.float32))
