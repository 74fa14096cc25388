"""The accuracy from which TOP_1 pays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.relevance.break_even import break_even_accuracy

metrics = st.lists(st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)), min_size=1, max_size=5)


@given(pairs=metrics)
def test_at_the_break_even_gains_and_losses_are_equal(pairs: list[tuple[float, float]]) -> None:
    """A classifier of that accuracy has a mean relative gain of nothing."""
    base, oracle = zip(*pairs, strict=True)
    accuracy = break_even_accuracy(base, oracle)
    gains = [accuracy * best / plain - 1 for plain, best in pairs]
    assert sum(gains) / len(gains) == pytest.approx(0, abs=1e-9)


def test_a_gallery_of_one_category_can_only_lose() -> None:
    """The oracle gains nothing there, so only a perfect classifier would not lose."""
    assert break_even_accuracy([0.4, 0.8], [0.4, 0.8]) == pytest.approx(1.0)


@pytest.mark.parametrize(("base", "oracle"), [([], []), ([0.5], [0.5, 0.6]), ([0.0], [0.5])])
def test_what_can_t_be_compared_is_refused(base: list[float], oracle: list[float]) -> None:
    """No metrics, other metrics, or a base that finds nothing."""
    with pytest.raises(ValueError, match="same metrics"):
        break_even_accuracy(base, oracle)
