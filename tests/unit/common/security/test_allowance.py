"""A caller's allowance: never more than the burst and what the time brought, and never less."""

from hypothesis import given
from hypothesis import strategies as st

from services.common.security.allowance import Allowance
from tests.support.clocks import ManualClock


@given(
    per_second=st.integers(1, 50),
    burst=st.integers(1, 20),
    pauses=st.lists(st.integers(0, 40).map(lambda eighths: eighths / 8), max_size=40),
)
def test_it_never_lets_more_through_than_its_rate(per_second: int, burst: int, pauses: list[float]) -> None:
    """However the calls come: the burst, and then so many a second."""
    clock = ManualClock()
    began = clock()
    allowance = Allowance(per_second, burst, clock)
    taken = 0
    for pause in pauses:
        clock.advance(pause)
        while allowance.take() == 0.0:
            taken += 1
        assert taken <= burst + per_second * (clock() - began) + 1e-6


def test_the_wait_that_it_names_is_enough_and_not_too_long() -> None:
    """Who comes back then is let through, and who comes back a little earlier is not."""
    clock = ManualClock()
    allowance = Allowance(4.0, 2.0, clock)
    assert [allowance.take(), allowance.take()] == [0.0, 0.0]
    wait_seconds = allowance.take()
    assert wait_seconds == 0.25
    clock.advance(0.125)
    assert allowance.take() == 0.125
    clock.advance(0.125)
    assert allowance.take() == 0.0
