"""A FAISS index and the ways to ask it: as it was tuned, less closely, or exactly; for all of its rows or for some."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from services.neighbours.exhaustive import nearest_of_all, storage_of
from services.neighbours.selection import Selection

_EXACT_ROWS: Final = 20_000
"""So many selected rows are compared one by one in the time of one approximate search, 0.4 ms of one core."""
_DEEP: Final = 4
"""An approximate search for a quarter of all rows costs more than comparing with every one."""


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
        similarities: float32 `(queries, n)`, not increasing; -inf where a place is empty.
        rows: int64 `(queries, n)`; -1 where a place is empty.
        floors: float32 `(queries,)`: rows that are not here may be as similar as this; -inf when all are here.
    """

    similarities: NDArray[np.float32]
    rows: NDArray[np.int64]
    floors: NDArray[np.float32]


class VectorIndex:
    """Can be asked from many threads at once: nothing in it changes."""

    def __init__(self, index: Any, parameters: Mapping[str, int], first_fetch: int) -> None:
        """Wrap a FAISS index.

        Args:
            index: by inner product.
            parameters: FAISS's search parameters, `nprobe` or `efSearch`; none for an index that has neither.
            first_fetch: rows to ask for first when ten products are wanted.
        """
        self._index = index
        self._has_storage = storage_of(index) is not None
        self._is_exact = index is storage_of(index) and isinstance(index, faiss.IndexFlat)
        self._tuned = _search_parameters(index, parameters, 1)
        self._coarse = _search_parameters(index, parameters, 2)
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
        if effort is Effort.EXACT or self._is_exact or self._is_dear(k, most):
            similarities, rows = nearest_of_all(self._index, xq, k, selection)
            return Nearest(similarities, rows, _floors(similarities, rows, all_are_here=k == most))
        fetch = min(self.rows, -(-k * self.rows // most))
        parameters = self._coarse if effort is Effort.COARSE else self._tuned
        similarities, rows = self._index.search(xq, fetch, params=parameters)
        floors = _floors(similarities, rows, all_are_here=fetch == self.rows)
        if selection is not None:
            similarities, rows = _passed(similarities, rows, selection.mask)
        return Nearest(similarities, rows, floors)

    def vectors(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the vectors of rows as exactly as the index has them, float32 `(len(rows), dimension)`."""
        index = storage_of(self._index) if self._has_storage else self._index
        vectors: NDArray[np.float32] = index.reconstruct_batch(rows)
        return vectors

    def _is_dear(self, k: int, most: int) -> bool:
        """Return whether an approximate search would cost more than comparing with all that may be found."""
        if not self._has_storage:
            return False
        return (most < self.rows and most <= _EXACT_ROWS) or k * _DEEP >= most


def base_of(index: Any) -> Any:
    """Return the FAISS index that proposes rows: the one below a refinement by exact vectors, or the index itself."""
    return faiss.downcast_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index


def _search_parameters(index: Any, parameters: Mapping[str, int], divisor: int) -> Any:
    """Return FAISS's parameters of one search, so that the index itself never changes; None when it has none."""
    base = base_of(index)
    given = {name: max(1, value // divisor) for name, value in parameters.items()}
    inner: Any = None
    if given and isinstance(base, faiss.IndexIVF):
        inner = faiss.SearchParametersIVF(**given)
    elif given:
        inner = faiss.SearchParametersHNSW(**given)  # type: ignore[attr-defined]
    if base is index:
        return inner
    return faiss.IndexRefineSearchParameters(k_factor=1.0, base_index_params=inner)  # type: ignore[call-arg]


def _floors(similarities: NDArray[np.float32], rows: NDArray[np.int64], *, all_are_here: bool) -> NDArray[np.float32]:
    # An index that leaves a place empty has no more: FAISS fills from the best on.
    if all_are_here:
        return np.full(len(rows), -np.inf, np.float32)
    return np.where(rows[:, -1] < 0, np.float32(-np.inf), similarities[:, -1])


def _passed(
    similarities: NDArray[np.float32], rows: NDArray[np.int64], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Keep the rows that are selected, in their order, as many places as the query with the most of them needs."""
    passes = mask[rows] & (rows >= 0)
    order = np.argsort(~passes, axis=1, kind="stable")[:, : int(passes.sum(axis=1).max())]
    kept = np.take_along_axis(passes, order, axis=1)
    return (
        np.where(kept, np.take_along_axis(similarities, order, axis=1), np.float32(-np.inf)),
        np.where(kept, np.take_along_axis(rows, order, axis=1), -1),
    )


def _nothing(queries: int) -> Nearest:
    empty = np.empty((queries, 0), np.float32)
    return Nearest(empty, np.empty((queries, 0), np.int64), np.full(queries, -np.inf, np.float32))
