"""Quality figures over ranked products, percentiles, gains, and how sure one can be of a mean. Pure.

An answer is judged by the ranks of the relevant products in it, counted from 1. Answers are cut at `top_k`: a product
beyond the cut counts as not found, so every figure is a lower bound of the one over the whole ranking. For mAP with one
relevant product per photo, a cut at 100 hides less than 1/100 per photo.
"""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

CONFIDENCE = 0.95
"""The share of resamples that an interval holds."""

_DRAWS = 2000  # enough that a 95 % interval's ends hardly move with the seed


def ranks_of(ranked: Sequence[str], relevant: Collection[str]) -> tuple[int, ...]:
    """Return the ranks of the relevant products, best first; a product that comes twice counts where it comes first."""
    ranks: dict[str, int] = {}
    for rank, product in enumerate(ranked, start=1):
        if product in relevant:
            ranks.setdefault(product, rank)
    return tuple(ranks.values())


def recall_at_k(ranks: Sequence[int], relevant: int, k: int) -> float:
    """Return the share of the relevant products that stand among the first `k`.

    Args:
        ranks: where relevant products stand, as `ranks_of` returns them.
        relevant: how many there are to find, at least 1.
        k: hits looked at, at least 1.
    """
    return sum(rank <= k for rank in ranks) / relevant


def average_precision(ranks: Sequence[int], relevant: int) -> float:
    """Return the mean, over all relevant products, of the precision at each one's rank (0 for those not found)."""
    return sum(found / rank for found, rank in enumerate(ranks, start=1)) / relevant


def reciprocal_rank(ranks: Sequence[int]) -> float:
    """Return 1 / rank of the first relevant product; 0 when none was found."""
    return 1 / ranks[0] if ranks else 0.0


def percentiles(values: ArrayLike, percents: Sequence[float]) -> list[float]:
    """Return percentiles, linear between the two nearest values.

    Args:
        values: at least one number, in any order.
        percents: each in [0, 100].
    """
    return [float(value) for value in np.percentile(np.asarray(values, np.float64), percents)]


def gain_percent(value: float, baseline: float) -> float | None:
    """Return the relative change against the baseline in percent; None when the baseline is 0."""
    return (value / baseline - 1) * 100 if baseline else None


def mean_or_none(values: Sequence[float | None]) -> float | None:
    """Return the mean, or None when there is nothing to average or a value is not known."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def resampled_means(figures: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Draw photos with replacement, again and again, and return each draw's means (the bootstrap).

    All rows see the same draws, so a difference or ratio of two rows is resampled in pairs: photos that are hard for
    every policy don't blur the comparison.

    Args:
        figures: float64 `(rows, photos)`, one figure per photo in each row, at least one photo.
        seed: decides the draws.

    Returns:
        float64 `(draws, rows)`.
    """
    photos = figures.shape[1]
    rng = np.random.default_rng(seed)
    means = np.empty((_DRAWS, figures.shape[0]))
    for draw in range(_DRAWS):
        times_drawn = np.bincount(rng.integers(photos, size=photos), minlength=photos)
        means[draw] = figures @ times_drawn / photos
    return means


def interval(resampled: NDArray[np.float64]) -> tuple[float, float]:
    """Return the ends of the middle 95 % of resampled figures `(draws,)`."""
    tail = (1 - CONFIDENCE) / 2 * 100
    low, high = percentiles(resampled, (tail, 100 - tail))
    return low, high
