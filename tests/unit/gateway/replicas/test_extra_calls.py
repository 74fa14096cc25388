"""What second calls may cost: a share of the calls, and nothing while searchers say that they are overloaded."""

from hypothesis import given
from hypothesis import strategies as st

from services.gateway.replicas.extra_calls import ExtraCalls, ExtraRules
from tests.support.clocks import ManualClock

RULES = ExtraRules(share=0.05, burst=20.0, pause_seconds=1.0)


@given(wanted=st.lists(st.booleans(), max_size=2_000))
def test_never_more_than_the_share_and_one_burst(wanted: list[bool]) -> None:
    """Whenever they are asked for."""
    extra = ExtraCalls(RULES, ManualClock())
    for wants in wanted:
        extra.called()
        if wants:
            extra.take()
    assert extra.spent <= RULES.burst + RULES.share * len(wanted)


def test_a_slow_system_spends_its_share() -> None:
    """Every call asks for a second one; one in twenty gets it."""
    extra = ExtraCalls(RULES, ManualClock())
    given_out = 0
    for _ in range(10_000):
        extra.called()
        given_out += extra.take()
    assert given_out == extra.spent
    assert 500 <= given_out <= 521


def test_a_burst_is_there_from_the_start() -> None:
    """A searcher may die before the first thousand calls."""
    extra = ExtraCalls(RULES, ManualClock())
    assert [extra.take() for _ in range(21)] == [True] * 20 + [False]


def test_overloaded_searchers_are_left_alone_for_a_while() -> None:
    """And only for a while."""
    clock = ManualClock()
    extra = ExtraCalls(RULES, clock)
    extra.overloaded()
    assert not extra.take()
    clock.advance(1.0)
    assert extra.take()


def test_a_share_of_zero_is_none() -> None:
    """Not even the burst."""
    extra = ExtraCalls(ExtraRules(share=0.0), ManualClock())
    extra.called()
    assert not extra.take()
