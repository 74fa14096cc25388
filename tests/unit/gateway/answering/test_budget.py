"""The budget of a request, on a clock whose readings are numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.common.errors import DeadlineExceeded
from services.gateway.answering.budget import Budget, BudgetRules

RULES = BudgetRules(default_seconds=2.0, max_seconds=30.0, reserve_seconds=0.005, scatter_share=0.2)
seconds = st.floats(0.0, 1e4)


def test_a_caller_without_deadline_gets_the_default() -> None:
    """Nobody holds a slot for ever."""
    assert Budget.begin(100.0, None, RULES).remaining(100.0) == 2.0


def test_nobody_gets_more_than_the_most() -> None:
    """A deadline of ten minutes is cut to 30 s."""
    assert Budget.begin(100.0, 600.0, RULES).remaining(100.0) == 30.0


@pytest.mark.parametrize("remaining_seconds", [0.0, -1.0])
def test_a_deadline_in_the_past_is_refused_before_any_work(remaining_seconds: float) -> None:
    """It is DEADLINE_EXCEEDED from the start."""
    with pytest.raises(DeadlineExceeded, match="passed"):
        Budget.begin(100.0, remaining_seconds, RULES)


def test_the_models_leave_the_shards_their_share() -> None:
    """Of 1.005 s, 5 ms are kept back, and of the rest a fifth is left to the shards."""
    budget = Budget.begin(0.0, 1.005, RULES)
    assert budget.for_scatter(0.0) == pytest.approx(1.0)
    assert budget.for_models(0.0) == pytest.approx(0.8)


def test_what_was_used_is_gone() -> None:
    """The time is counted from the request's arrival, not from the stage's beginning."""
    budget = Budget.begin(10.0, 1.005, RULES)
    assert budget.for_scatter(10.75) == pytest.approx(0.25)


@given(remaining=st.floats(1e-6, 1e4), elapsed=seconds, reserve=st.floats(0.0, 1.0), share=st.floats(0.01, 0.99))
def test_never_negative_and_never_above_its_parent(
    remaining: float, elapsed: float, reserve: float, share: float
) -> None:
    """Models <= scatter <= remaining <= what the caller's deadline leaves; where nothing is left, it is said."""
    budget = Budget.begin(0.0, remaining, BudgetRules(2.0, 30.0, reserve, share))
    left = budget.remaining(elapsed)
    assert 0.0 <= left <= max(0.0, remaining - elapsed) + 1e-9
    try:
        models, scatter = budget.for_models(elapsed), budget.for_scatter(elapsed)
    except DeadlineExceeded:
        assert left <= reserve + 1e-9
    else:
        assert 0.0 < models < scatter <= left


def test_another_wave_has_what_is_left_and_only_if_it_can_answer_in_time() -> None:
    """After a first wave of 0.25 s, 0.25 s and more are worth another one; less is not."""
    budget = Budget.begin(0.0, 1.005, RULES)
    assert budget.for_another_wave(0.5, 0.25) == pytest.approx(0.5)
    assert budget.for_another_wave(0.8, 0.25) is None
    assert budget.for_another_wave(1.0, 0.0) is None


@given(remaining=st.floats(1e-6, 1e4), elapsed=seconds, last=seconds)
def test_another_wave_never_has_more_than_the_first_would_have(remaining: float, elapsed: float, last: float) -> None:
    """It takes nothing from the reserve, and always more than the last one took."""
    budget = Budget.begin(0.0, remaining, RULES)
    another = budget.for_another_wave(elapsed, last)
    if another is not None:
        assert last < another == budget.for_scatter(elapsed)
