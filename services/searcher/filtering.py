"""What of a shard passes a filter: the rows of each part that may be found, and how many products they show."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.filters.evaluation import passing_rows
from services.filters.predicate import Predicate
from services.neighbours.products import Part
from services.neighbours.selection import Selection
from services.searcher.items import Items


@dataclass(frozen=True, slots=True)
class Passing:
    """A shard as somebody with a filter sees it.

    Attributes:
        parts: the shard's parts, each with the rows that pass.
        products: distinct products of these rows.
    """

    parts: Sequence[Part]
    products: int


class FilterMemory:
    """What the last filters passed; can be asked from many threads at once."""

    def __init__(self, find: Callable[[Predicate], Passing], most: int) -> None:
        """Create an empty one.

        Args:
            find: finds what a filter passes. It must not know who has the memory: then they are freed at once.
            most: filters that are remembered, at least 1; the one that was not asked for longest is forgotten.
        """
        self._find = find
        self._most = most
        self._found: OrderedDict[Predicate, Passing] = OrderedDict()
        self._lock = threading.Lock()

    def __contains__(self, predicate: Predicate) -> bool:
        """Whether to ask for it takes no work."""
        return predicate in self._found

    def passing(self, predicate: Predicate) -> Passing:
        """Return what a filter passes."""
        with self._lock:
            if (known := self._found.get(predicate)) is not None:
                self._found.move_to_end(predicate)
                return known
        found = self._find(predicate)  # without the lock: others go on, and may find the same
        with self._lock:
            self._found[predicate] = found
            if len(self._found) > self._most:
                self._found.popitem(last=False)
        return found


def passing(parts: Sequence[Part], items: Items, predicate: Predicate) -> Passing:
    """Return what passes a filter and was not withdrawn.

    Takes a pass over a column for each attribute that the filter asks about, and keeps 9 bits per row.

    Args:
        parts: the shard's, whose rows follow each other as those of `items` do.
        items: the shard's.
        predicate: a filter that was checked against the attributes of `items`.
    """
    passes = passing_rows(predicate, items.table)
    filtered = []
    for part in parts:
        rows = slice(part.first_row, part.first_row + part.index.rows)
        if part.selection is not None:
            passes[rows] &= part.selection.mask
        filtered.append(replace(part, selection=_selection(passes[rows], part)))
    return Passing(filtered, np.unique(items.product_of_row[passes]).size)


def _selection(passes: NDArray[np.bool_], part: Part) -> Selection | None:
    """Return the rows that pass as a selection; what the part has already when they are all that it has."""
    found = part.index.rows if part.selection is None else part.selection.count
    return part.selection if np.count_nonzero(passes) == found else Selection(passes)
