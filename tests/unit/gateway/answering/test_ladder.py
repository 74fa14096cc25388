"""The way down and up again: one rung at a time, down soon, up slowly, and never to and fro."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.answering.ladder import STEPS, Ladder, LadderRules, has_extras, is_narrowed
from services.gateway.answering.query import Rung

RULES = LadderRules(pressures=(0.2, 0.5, 0.8), down_seconds=0.5, up_seconds=2.0)


def rungs(ladder: Ladder, pressure: float, start: float, seconds: float) -> list[Rung]:
    """What the ladder says every 0.1 s."""
    return [ladder.rung(pressure, start + tenth / 10) for tenth in range(round(seconds * 10))]


def test_without_pressure_nothing_is_given_up() -> None:
    """Nor with a little."""
    assert set(rungs(Ladder(RULES), 0.19, 0.0, 60.0)) == {Rung.FULL}


def test_under_full_pressure_it_goes_down_one_rung_after_the_other() -> None:
    """Half a second each, for what helps shows only then."""
    seen = rungs(Ladder(RULES), 1.0, 0.0, 3.0)
    assert [rung for rung, _ in itertools.groupby(seen)] == list(STEPS[1:])
    assert seen[10] is Rung.COARSE


@pytest.mark.parametrize(("pressure", "rung"), [(0.3, Rung.NO_EXTRAS), (0.6, Rung.FEWER_SHARDS), (0.9, Rung.COARSE)])
def test_it_stays_where_the_pressure_keeps_it(pressure: float, rung: Rung) -> None:
    """As long as it lasts."""
    assert set(rungs(Ladder(RULES), pressure, 0.0, 60.0)[20:]) == {rung}


def test_calm_brings_it_up_again() -> None:
    """Two seconds a rung."""
    ladder = Ladder(RULES)
    rungs(ladder, 1.0, 0.0, 2.0)
    seen = rungs(ladder, 0.0, 2.0, 8.0)
    assert [rung for rung, _ in itertools.groupby(seen)] == list(reversed(STEPS))
    assert seen[-1] is Rung.FULL


def test_calm_in_which_nobody_asked_counts_as_well() -> None:
    """The first one after a quiet night finds everything there is."""
    ladder = Ladder(RULES)
    rungs(ladder, 1.0, 0.0, 2.0)
    assert ladder.rung(0.0, 6.5) is Rung.NO_EXTRAS
    assert ladder.rung(0.0, 100.0) is Rung.FULL


def test_what_it_would_be_changes_nothing() -> None:
    """Whoever reads metrics is no photo."""
    ladder = Ladder(RULES)
    rungs(ladder, 1.0, 0.0, 2.0)
    assert ladder.would_be(0.0, 100.0) is Rung.FULL
    assert ladder.would_be(1.0, 2.0) is ladder.rung(1.0, 2.0) is Rung.COARSE


def test_what_is_just_below_the_threshold_keeps_it_there() -> None:
    """Up needs half of the pressure that led down: else it would go to and fro."""
    ladder = Ladder(RULES)
    rungs(ladder, 0.3, 0.0, 1.0)
    assert set(rungs(ladder, 0.15, 1.0, 30.0)) == {Rung.NO_EXTRAS}


@given(pressures=st.lists(st.floats(0, 1), min_size=2, max_size=200))
def test_it_never_skips_a_rung_while_it_is_asked(pressures: list[float]) -> None:
    """Neither down nor up."""
    ladder = Ladder(RULES)
    seen = [STEPS.index(ladder.rung(pressure, number * 0.3)) for number, pressure in enumerate(pressures)]
    assert all(abs(after - before) <= 1 for before, after in itertools.pairwise(seen))


def test_a_pinned_ladder_stays() -> None:
    """That is how each rung's quality is measured."""
    ladder = Ladder(LadderRules(pinned=Rung.COARSE))
    assert set(rungs(ladder, 0.0, 0.0, 10.0)) == {Rung.COARSE}


def test_each_rung_gives_up_what_those_above_it_do() -> None:
    """Extras first, breadth next."""
    assert [has_extras(rung) for rung in STEPS] == [True, False, False, False]
    assert [is_narrowed(rung) for rung in STEPS] == [False, False, True, True]
