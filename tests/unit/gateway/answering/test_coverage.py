"""How complete an answer is said to be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.answering.coverage import ShardCoverage, ShardState, cover


def shard(probability: float, state: ShardState = ShardState.ANSWERED) -> ShardCoverage:
    return ShardCoverage(f"P{probability}", state, probability, 0.001)


@pytest.mark.parametrize("state", list(ShardState))
def test_each_state_counts_or_does_not(state: ShardState) -> None:
    """Late, failed and skipped shards are missing."""
    coverage = cover([shard(0.6), shard(0.3, state)])
    assert coverage.planned_share == pytest.approx(0.9)
    assert coverage.share == pytest.approx(0.9 if state.answered else 0.6)
    assert coverage.partial is not state.answered


def test_an_unlikely_shard_makes_an_answer_partial_too() -> None:
    """Partial means that something planned is missing, even when it stands for no mass."""
    coverage = cover([shard(1.0), shard(0.0, ShardState.FAILED)])
    assert coverage.share == 1.0
    assert coverage.partial


def test_the_order_is_kept() -> None:
    """Likeliest first, as planned."""
    shards = [shard(0.5), shard(0.3), shard(0.2)]
    assert cover(shards).shards == tuple(shards)


@given(st.lists(st.tuples(st.floats(0.0, 1.0), st.sampled_from(ShardState)), min_size=1, max_size=20))
def test_shares_are_shares(drawn: list[tuple[float, ShardState]]) -> None:
    """0 <= share <= planned share <= 1, and they are equal when nothing is missing."""
    total = sum(probability for probability, _ in drawn) or 1.0
    coverage = cover([shard(probability / total, state) for probability, state in drawn])
    assert 0.0 <= coverage.share <= coverage.planned_share <= 1.0
    assert coverage.partial or coverage.share == coverage.planned_share


@pytest.mark.parametrize("count", range(1, 60))
def test_a_complete_answer_reaches_every_minimum(count: int) -> None:
    """Equal parts do not always add up to 1 in floating point; the answer is complete all the same."""
    assert cover([shard(1.0 / count)] * count).reaches(1.0)


def test_a_minimum_is_a_minimum() -> None:
    """What is missing is not rounded away."""
    coverage = cover([shard(0.6), shard(0.4, ShardState.LATE)])
    assert coverage.reaches(0.6)
    assert not coverage.reaches(0.601)
