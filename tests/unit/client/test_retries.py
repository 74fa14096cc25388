"""When the client tries again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.client.retries import backoff_seconds


@given(failures=st.integers(1, 900), jitter=st.floats(0, 1, exclude_max=True))
def test_waits_are_bounded(failures: int, jitter: float) -> None:
    """Never below 25 ms nor above a second, however many failures there were."""
    assert 0.025 <= backoff_seconds(failures, jitter) <= 1.0


def test_waits_double() -> None:
    """50 ms, 100 ms, ... and a second at last; jitter takes away up to half."""
    assert [backoff_seconds(failures, 0) for failures in (1, 2, 3, 6)] == [0.05, 0.1, 0.2, 1.0]
    assert backoff_seconds(1, 0.5) == pytest.approx(0.0375)
