"""The search for the knee against gateways whose knee is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loadtest.knee import KneeSearch, recovery_seconds, step_seconds
from services.loadtest.slo import parse_slo
from tests.support.load import reply, tally_of

SLO = parse_slo("p99_ms=250,error_share=0.01")


@given(st.floats(0.5, 5000), st.floats(0.5, 5000), st.floats(0.01, 0.5))
def test_the_knee_is_found(first: float, knee: float, precision: float) -> None:
    """From below and from above, to the precision asked for, in few steps."""
    search = KneeSearch(first, precision)
    steps = 0
    while not search.done:
        search.tell(is_kept=search.rate <= knee)
        steps += 1
    assert search.kept is not None
    assert search.missed is not None
    assert search.kept <= knee < search.missed <= search.kept * (1 + precision)
    assert steps <= 24


def test_a_gateway_without_a_knee_ends_the_search() -> None:
    """One that never keeps the objective, and one that always does."""
    for is_kept in (False, True):
        search = KneeSearch(10.0, 0.05)
        while not search.done:
            search.tell(is_kept=is_kept)
        assert (search.missed if is_kept else search.kept) is None


def test_a_rate_is_tried_for_long_enough_to_tell_p99() -> None:
    """1,000 answers and a twentieth more; an objective without a quantile takes what was asked for."""
    assert step_seconds(10.0, SLO, 10.0) == pytest.approx(105.0)
    assert step_seconds(1000.0, SLO, 10.0) == 10.0
    assert step_seconds(10.0, parse_slo("error_share=0.1"), 10.0) == 10.0


def _seconds(*milliseconds: float) -> dict[int, list[float]]:
    return {second: [value] * 10 for second, value in enumerate(milliseconds)}


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        ((900, 900, 20, 20, 20, 20), 0.0),
        ((900, 900, 900, 900, 20, 20, 20, 20), 2.0),
        ((900, 900, 20, 900, 20, 20, 20), 2.0),
        ((900, 900, 900, 20, 20, 900), None),
    ],
)
def test_recovery_is_the_first_time_that_lasts(milliseconds: tuple[float, ...], expected: float | None) -> None:
    """Three seconds in a row, after an overload of two."""
    by_second = {
        second: tally_of(reply(value) for value in values) for second, values in _seconds(*milliseconds).items()
    }
    assert recovery_seconds(by_second, 2, len(milliseconds), SLO) == expected


def test_seconds_without_photos_prove_nothing() -> None:
    """Silence is no recovery."""
    assert recovery_seconds({}, 0, 10, SLO) is None
