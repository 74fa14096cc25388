"""How long to wait before a process that died is started again."""

from hypothesis import given
from hypothesis import strategies as st

from services.cli.supervising.restarts import RestartPolicy

POLICY = RestartPolicy(first_seconds=0.25, max_seconds=15, stable_seconds=30)


@given(st.integers(1, 10_000))
def test_waits_are_bounded_and_never_shrink(deaths: int) -> None:
    """However often it dies, it is tried again."""
    assert 0.25 <= POLICY.wait_seconds(deaths) <= POLICY.wait_seconds(deaths + 1) <= 15


def test_waits_double_up_to_the_longest() -> None:
    """A quarter of a second first."""
    assert [POLICY.wait_seconds(deaths) for deaths in (1, 2, 3, 7, 8)] == [0.25, 0.5, 1, 15, 15]


def test_a_process_that_served_long_has_a_clean_record() -> None:
    """Then its next death is the first one again; a short life counts on."""
    assert POLICY.deaths_after(5, served_seconds=30) == 1
    assert POLICY.deaths_after(5, served_seconds=29.9) == 6
