"""The instrument's judgement of itself: each way to lie is found out, and a good run is believed."""

from dataclasses import replace

import pytest

from services.loadtest.verdict import Instrument, doubts, enough, needed_answers

GOOD = Instrument(
    answers=1200,
    offered=1200,
    offered_rps=20.0,
    achieved_rps=20.0,
    latency_ms=(20.0, 80.0),
    lag_ms=(0.1, 2.0),
    busiest_sender=0.2,
    own_share=0.15,
)


def test_a_good_run_is_believed() -> None:
    """Nothing to say."""
    assert doubts(GOOD, [0.99]) == []


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (replace(GOOD, offered=0), "nothing was due"),
        (replace(GOOD, gave_up="it stopped"), "it stopped"),
        (replace(GOOD, achieved_rps=19.0), "19 photos a second of 20 offered"),
        (replace(GOOD, lag_ms=(1.2, 2.0)), "median 1.2 ms after"),
        (replace(GOOD, lag_ms=(0.1, 8.5)), "p99 8.5 ms after"),
        (replace(GOOD, busiest_sender=0.95), "busy for 95%"),
        (replace(GOOD, own_share=0.85), "85% of this machine"),
        (replace(GOOD, others_share=0.26), "other programs used 26% of the machine's cores"),
        (replace(GOOD, answers=999), "999 answers are too few for p99, which needs 1,000"),
    ],
)
def test_each_way_to_lie_is_found_out(lie: Instrument, words: str) -> None:
    """With what was seen and what to do."""
    [doubt] = doubts(lie, [0.99])
    assert words in doubt


def test_lag_that_is_little_beside_the_latency_is_forgiven() -> None:
    """20 ms late where people wait for a second changes nothing that matters."""
    assert doubts(replace(GOOD, latency_ms=(400.0, 1000.0), lag_ms=(10.0, 90.0)), [0.99]) == []


@pytest.mark.parametrize("share", [None, 0.0, 0.25])
def test_the_little_that_every_machine_does_is_forgiven(share: float | None) -> None:
    """And where nobody knows what others did, nothing is said of them."""
    assert doubts(replace(GOOD, others_share=share), [0.99]) == []


def test_only_quantiles_that_matter_must_be_told() -> None:
    """A short run about its median is believed."""
    assert doubts(replace(GOOD, answers=20), [0.5]) == []


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_needed_answers_are_enough_and_one_less_is_not(quantile: float) -> None:
    """Ten lie beyond."""
    needed = needed_answers(quantile)
    assert enough(needed, quantile)
    assert not enough(needed - 1, quantile)
