"""What decoding takes at best: learnt from large photos, forgotten after a while."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.decode_costs import DecodeCosts
from tests.support.clocks import ManualClock

PIXELS = 2_000_000


def test_what_is_not_known_costs_nothing() -> None:
    """Then the photo is tried."""
    costs = DecodeCosts(ManualClock())
    costs.add("PNG", PIXELS, 0.1)
    assert costs.seconds("WEBP", PIXELS) == 0.0


def test_a_larger_photo_of_the_kind_takes_longer_in_proportion() -> None:
    """By its pixels."""
    costs = DecodeCosts(ManualClock())
    costs.add("PNG", PIXELS, 0.1)
    assert costs.seconds("PNG", 25 * PIXELS) == pytest.approx(2.5)


def test_small_photos_neither_teach_nor_cost() -> None:
    """What they take is overhead, and no size to worry about."""
    costs = DecodeCosts(ManualClock())
    costs.add("PNG", 10_000, 0.1)
    assert costs.seconds("PNG", 50_000_000) == 0.0
    costs.add("PNG", PIXELS, 10.0)
    assert costs.seconds("PNG", 10_000) == 0.0


@given(took=st.lists(st.floats(0.001, 10.0), min_size=1))
def test_the_least_counts(took: list[float]) -> None:
    """A slow one may have waited for its core."""
    costs = DecodeCosts(ManualClock())
    for seconds in took:
        costs.add("PNG", PIXELS, seconds)
    assert costs.seconds("PNG", PIXELS) == pytest.approx(min(took))


def test_what_is_old_is_forgotten() -> None:
    """Else photos could be refused for ever because of one bad moment."""
    clock = ManualClock()
    costs = DecodeCosts(clock)
    costs.add("PNG", PIXELS, 0.1)
    clock.advance(9.0)
    costs.add("PNG", PIXELS, 0.4)
    clock.advance(2.0)
    assert costs.seconds("PNG", PIXELS) == 0.0
    costs.add("PNG", PIXELS, 0.3)
    assert costs.seconds("PNG", PIXELS) == pytest.approx(0.3)
