"""Ratios of figures that were measured in turns, so that whatever else runs on the machine slows both alike. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ratio:
    """One figure to another, measured several times.

    Attributes:
        value: the median; a slow spell of the machine spoils one ratio, and the median forgets it.
        least: the smallest.
        most: the largest.
        times: how many there were.
    """

    value: float
    least: float
    most: float
    times: int


def ratio_of(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """Return the ratio of figures to those measured beside them.

    Args:
        over: one figure a turn, at least one.
        under: the other figure of the same turns, positive.

    Raises:
        ValueError: they are not as many.
    """
    ratios = [a / b for a, b in zip(over, under, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios), len(ratios))


def between(figures: Sequence[float]) -> list[float]:
    """Return the means of neighbours: what a figure was while something else was measured between two looks at it."""
    return [(before + after) / 2 for before, after in pairwise(figures)]


def blocks_of(things: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return them in blocks of this size; a last one that would be smaller is left out, unless it is the only one."""
    whole = [things[start : start + size] for start in range(0, len(things) - size + 1, size)]
    return whole or [things]
