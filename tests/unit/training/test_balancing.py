"""Categories of unequal size: rare ones count more than their share, and less than all alike."""

import numpy as np
import pytest

from services.training.balancing import balanced_weights, draw_balanced

LABELS = np.repeat(np.array([0, 1], np.int64), [100, 900])


def test_small_categories_count_more_than_their_share() -> None:
    """With 100 and 900 examples the square roots, 10 and 30, decide about the shares."""
    weights = balanced_weights(LABELS)
    assert weights.sum() == pytest.approx(1)
    assert weights[:100].sum() == pytest.approx(0.25)


def test_they_are_drawn_that_often() -> None:
    """A quarter of many draws, and every draw is a place."""
    drawn = draw_balanced(LABELS, 20_000, np.random.default_rng(0))
    assert (LABELS[drawn] == 0).mean() == pytest.approx(0.25, abs=0.02)
