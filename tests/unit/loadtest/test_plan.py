"""Plans: everybody's part together is the whole, and kinds come as often as their weights say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.loadtest.plan import make_plan


@given(st.integers(0, 50), st.integers(1, 7), st.integers(0, 1000))
def test_the_parts_are_the_whole(photos: int, parts: int, seed: int) -> None:
    """No photo twice, none left out, each part rising."""
    plan = make_plan([np.sort(np.random.default_rng(seed).random(photos))], [2.0, 1.0], 5, seed)
    shares = [plan.part(number, parts) for number in range(parts)]
    together = sorted(
        zip(
            *(np.concatenate([getattr(each, name) for each in shares]) for name in ("times", "kinds", "photos")),
            strict=True,
        )
    )
    assert together == sorted(zip(plan.times, plan.kinds, plan.photos, strict=True))
    assert all(np.all(np.diff(each.times) >= 0) for each in shares)


def test_kinds_are_drawn_by_their_weights() -> None:
    """And every photo has its turn."""
    plan = make_plan([np.arange(10_000.0)], [9.0, 1.0], 4, 1)
    assert plan.kinds.mean() == pytest.approx(0.1, abs=0.01)
    assert set(plan.photos.tolist()) == {0, 1, 2, 3}


def test_the_warm_up_is_not_counted() -> None:
    """Nor what is due after the end."""
    plan = make_plan([np.array([-1.0, -0.5]), np.array([0.0, 0.5, 1.0])], [1.0], 1, 0)
    assert (len(plan), plan.counted(1.0), plan.counted(1.5)) == (5, 2, 3)
