"""Replicas that are evicted in turn: whoever goes by a name always knows one that answers, however late it hears."""

from dataclasses import dataclass

import pytest

from services.kubernetes.rules.availability import HEARD_SECONDS
from services.kubernetes.workloads import pause_seconds
from tests.support.overlays import needs_kubectl, objects_of, workload

REPLICAS = 3
EVICTIONS = 3 * REPLICAS
LONG_AGO = -1_000


@dataclass(frozen=True)
class Life:
    """A replica's: listed by DNS while it is ready and not told to end, answering until its preStop has passed."""

    ready_at: int
    evicted_at: int
    pause_seconds: int

    def is_listed(self, now: int) -> bool:
        """Return whether DNS knows it."""
        return self.ready_at <= now < self.evicted_at

    def answers(self, now: int) -> bool:
        """Return whether a call finds it."""
        return self.ready_at <= now < self.evicted_at + self.pause_seconds


def evicted_in_turn(start_seconds: int, pause_seconds: int) -> list[Life]:
    """Return the lives of replicas of which one is evicted as soon as the one before has a ready successor.

    A budget counts what is ready, so it lets that be; each has gone once before a successor has its turn.
    """
    ready_at = [LONG_AGO] * REPLICAS
    lives = []
    for number in range(EVICTIONS):
        evicted_at = number * start_seconds
        lives.append(Life(ready_at[number], evicted_at, pause_seconds))
        ready_at.append(evicted_at + start_seconds)
    return lives


def seconds_without(lives: list[Life], heard_seconds: int) -> int:
    """Return for how many seconds somebody may know only replicas that have ended.

    Args:
        lives: of the replicas, until the last is evicted.
        heard_seconds: how old the list may be that somebody goes by.
    """
    return sum(
        any(
            not any(life.is_listed(then) and life.answers(now) for life in lives)
            for then in range(now - heard_seconds, now + 1)
        )
        for now in range(lives[-REPLICAS].evicted_at)
    )


@needs_kubectl
@pytest.mark.parametrize("start_seconds", [1, 5, 12, 40])
@pytest.mark.parametrize("name", ["gateway", "searcher-bag", "triton"])
def test_somebody_who_is_known_answers(name: str, start_seconds: int) -> None:
    """However soon each successor is ready, and its budget lets the next one be evicted."""
    (container,) = workload(objects_of("production"), name).containers
    assert seconds_without(evicted_in_turn(start_seconds, pause_seconds(container)), HEARD_SECONDS) == 0


def test_a_pause_of_seconds_would_not_do() -> None:
    """All that are known have ended before anybody hears of those that took their places."""
    assert seconds_without(evicted_in_turn(5, 2), HEARD_SECONDS) > 0
