"""Which rows of a catalogue go into which shard. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.common.errors import CatalogueInvalid
from services.snapshot.manifest import BASELINE_SLUG
from services.snapshot.slugs import slugs


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """What one shard will hold.

    Attributes:
        slug: unique in the snapshot.
        category: the TLC; empty for the baseline.
        rows: int64 `(images,)`, rows of the catalogue, ascending.
    """

    slug: str
    category: str
    rows: NDArray[np.int64]

    @property
    def baseline(self) -> bool:
        """Whether this is the one index over the whole gallery."""
        return self.slug == BASELINE_SLUG


def partition(categories: Sequence[str], *, baseline: bool) -> tuple[ShardPlan, ...]:
    """Return one shard per category, by slug, and the baseline after them when it is wanted.

    Args:
        categories: the category of each row.
        baseline: whether to plan the one index over all rows, too.

    Raises:
        CatalogueInvalid: two categories would have the same slug.
    """
    rows_of: dict[str, list[int]] = {}
    for row, category in enumerate(categories):
        rows_of.setdefault(category, []).append(row)
    slug_of = slugs(rows_of)
    plans = [ShardPlan(slug_of[name], name, np.array(rows, dtype=np.int64)) for name, rows in rows_of.items()]
    plans.sort(key=lambda plan: plan.slug)
    if baseline:
        plans.append(ShardPlan(BASELINE_SLUG, "", np.arange(len(categories), dtype=np.int64)))
    return tuple(plans)


def keep(
    plans: Sequence[ShardPlan], readable: NDArray[np.bool_], *, may_vanish: Collection[str] = ()
) -> tuple[ShardPlan, ...]:
    """Return the plans without the rows whose pictures can't be read.

    Args:
        plans: what `partition` returned.
        readable: bool `(rows of the catalogue,)`.
        may_vanish: slugs of plans that are left out when no row of them is left.

    Raises:
        CatalogueInvalid: another category has no picture left.
    """
    for plan in plans:
        if plan.slug not in may_vanish and not readable[plan.rows].any():
            raise CatalogueInvalid(
                f"category {plan.category!r}: none of its {len(plan.rows):,} pictures can be read (see skipped.csv)",
                field="category",
            )
    return only(plans, readable)


def only(plans: Sequence[ShardPlan], rows: NDArray[np.bool_]) -> tuple[ShardPlan, ...]:
    """Return the plans with some rows alone, bool `(rows of the catalogue,)`; those that have none of them are gone."""
    restricted = (replace(plan, rows=plan.rows[rows[plan.rows]]) for plan in plans)
    return tuple(plan for plan in restricted if len(plan.rows))
