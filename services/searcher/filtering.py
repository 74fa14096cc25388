"""What of a shard passes a filter: the rows of each part that may be found, and how many products they show."""

from collections.abc import Sequence
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
