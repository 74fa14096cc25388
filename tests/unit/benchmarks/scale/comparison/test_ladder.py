"""The comparison's rules: the least effort that is enough, turns, and the truth."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from services.benchmarks.scale.comparison.ladder import (
    Chosen,
    Filter,
    Ids,
    Settings,
    chosen_effort,
    nearest,
    timed,
)
from tests.support.snapshots import unit_vectors

EVERYTHING = Filter("unfiltered", None, 1.0)
VECTORS, QUERIES = unit_vectors(200, 8), unit_vectors(5, 8, seed=9)
LOTS = np.arange(200) % 10


class FakeEngine:
    """Finds as many of the nearest ten as its effort says."""

    def __init__(self, name: str, most: int, clock: list[float]) -> None:
        self.name = name
        self.effort = 0
        self.tried: list[int] = []
        self._most = most
        self._clock = clock

    def efforts(self, wanted: Filter) -> Sequence[Settings]:
        """From 8 to the most that it can find."""
        del wanted
        return [{"found": found} for found in range(8, self._most + 1)]

    def use(self, settings: Settings) -> None:
        """Take the effort."""
        self.effort = settings["found"]
        self.tried.append(self.effort)

    def search(self, query: NDArray[np.float32], wanted: Filter) -> Ids:
        """Take a millisecond for each hit."""
        self._clock[0] += self.effort / 1000
        return nearest(VECTORS, LOTS, query[np.newaxis], wanted)[0][: self.effort]


def test_the_truth_is_the_nearest_of_what_passes() -> None:
    """Best first; all of them where fewer than ten pass."""
    truth = nearest(VECTORS, LOTS, QUERIES, Filter("a tenth", 1, 0.1))
    for query, rows in zip(QUERIES, truth, strict=True):
        similarities = VECTORS @ query
        passing = [row for row in np.argsort(-similarities).tolist() if LOTS[row] < 1]
        assert rows.tolist() == passing[:10]
    assert len(nearest(VECTORS[:4], LOTS[:4], QUERIES, EVERYTHING)[0]) == 4


def test_effort_ends_where_enough_is_found() -> None:
    """Nothing beyond is tried."""
    engine = FakeEngine("fake", most=12, clock=[0.0])
    chosen = chosen_effort(engine, QUERIES, nearest(VECTORS, LOTS, QUERIES, EVERYTHING), EVERYTHING, least=0.9)
    assert chosen.settings == {"found": 9}
    assert chosen.recall == pytest.approx(0.9)
    assert engine.tried == [8, 9]


def test_an_engine_that_never_finds_enough_is_asked_as_closely_as_it_can_look() -> None:
    """Its recall says so."""
    engine = FakeEngine("fake", most=9, clock=[0.0])
    chosen = chosen_effort(engine, QUERIES, nearest(VECTORS, LOTS, QUERIES, EVERYTHING), EVERYTHING)
    assert chosen.settings == {"found": 9}
    assert chosen.recall == pytest.approx(0.9)


def test_engines_take_turns_and_each_is_timed_with_its_own_effort() -> None:
    """The first search of a turn is not timed."""
    clock = [0.0]
    engines = [FakeEngine("quick", 12, clock), FakeEngine("slow", 12, clock)]
    chosen = {"quick": Chosen({"found": 8}, 1.0), "slow": Chosen({"found": 12}, 1.0)}
    latency = timed(engines, chosen, QUERIES, EVERYTHING, rounds=2, clock=lambda: clock[0])
    assert [each.tried for each in engines] == [[8, 8], [12, 12]]
    assert latency["quick"].p50 == pytest.approx(8.0)
    assert latency["slow"].p99 == pytest.approx(12.0)
    assert latency["quick"].calls == 10
