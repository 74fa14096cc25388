"""How much effort an engine needs to find enough, and how long a search takes then. Knows no engine."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from services.benchmarks.scale.latency import Latency

IMAGES: Final = 10
"""Nearest pictures that are wanted: what every engine can be asked for, where products are Aisle's own."""
WANTED_RECALL: Final = 0.98

Ids = NDArray[np.int64]
Settings = Mapping[str, int]
"""How closely an engine looks, in its own words."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pictures may be found: those of lots below a number.

    Attributes:
        name: for people.
        lots_below: None for all pictures.
        share: of the pictures that pass, in (0, 1].
    """

    name: str
    lots_below: int | None
    share: float


class Engine(Protocol):
    """An index with pictures and their lots in it."""

    @property
    def name(self) -> str:
        """What it is, for people."""
        ...

    def efforts(self, wanted: Filter) -> Sequence[Settings]:
        """Return the settings to try, the quickest first."""
        ...

    def use(self, settings: Settings) -> None:
        """Search with these settings from now on."""
        ...

    def search(self, query: NDArray[np.float32], wanted: Filter) -> Ids:
        """Return the rows of the nearest pictures that pass, at most ten, best first.

        Args:
            query: float32 `(dimension,)`, of unit length.
            wanted: which may be found.
        """
        ...


@dataclass(frozen=True, slots=True)
class Chosen:
    """The least effort with which an engine finds enough, or the most when it never does."""

    settings: Settings
    recall: float


def chosen_effort(
    engine: Engine, queries: NDArray[np.float32], truth: Sequence[Ids], wanted: Filter, least: float = WANTED_RECALL
) -> Chosen:
    """Try an engine's settings until it finds enough.

    Args:
        engine: which one.
        queries: float32 `(queries, dimension)`.
        truth: the rows that are to be found, for each query.
        wanted: which pictures may be found.
        least: share of them that is enough.
    """
    best: Chosen | None = None
    for settings in engine.efforts(wanted):
        engine.use(settings)
        found = [engine.search(query, wanted) for query in queries]
        recall = float(np.mean([np.isin(own, rows).mean() for own, rows in zip(truth, found, strict=True)]))
        if best is None or recall > best.recall:
            best = Chosen(settings, recall)
        if recall >= least:
            break
    assert best is not None, "an engine has at least one way to be asked"
    return best


def timed(
    engines: Sequence[Engine],
    chosen: Mapping[str, Chosen],
    queries: NDArray[np.float32],
    wanted: Filter,
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Latency]:
    """Return how long one search takes in each engine; they take turns, all queries at a time.

    Args:
        engines: all of them.
        chosen: the effort of each, by name.
        queries: float32 `(queries, dimension)`.
        wanted: which pictures may be found.
        rounds: turns of each engine.
        clock: seconds.
    """
    seconds: dict[str, list[float]] = {engine.name: [] for engine in engines}
    for _ in range(rounds):
        for engine in engines:
            engine.use(chosen[engine.name].settings)
            engine.search(queries[0], wanted)  # the first one after another engine's turn finds cold caches
            for query in queries:
                began = clock()
                engine.search(query, wanted)
                seconds[engine.name].append(clock() - began)
    return {name: Latency.of(each) for name, each in seconds.items()}


def nearest(vectors: NDArray[np.float32], lots: Ids, queries: NDArray[np.float32], wanted: Filter) -> list[Ids]:
    """Return the rows that every engine should find, for each query: the nearest ten of those that pass."""
    rows = np.arange(len(vectors)) if wanted.lots_below is None else np.flatnonzero(lots < wanted.lots_below)
    similarities = queries @ vectors[rows].T
    order = np.argsort(-similarities, axis=1, kind="stable")[:, :IMAGES]
    return [rows[each] for each in order]
