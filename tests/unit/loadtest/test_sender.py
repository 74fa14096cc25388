"""The instrument against what is known: in virtual time, where nothing else is late."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest

from services.loadtest.tally import Outcome
from services.loadtest.verdict import Instrument, doubts
from tests.support.load import busy_for, full_answer, sent_virtually


async def _after_10_ms() -> Any:
    await asyncio.sleep(0.010)
    return full_answer()


def test_a_gateway_of_10_ms_reads_10_ms() -> None:
    """Whatever the quantile; and every photo is counted once."""
    tally, gave_up = sent_virtually(np.arange(0, 10, 0.01), _after_10_ms)
    assert tally.outcomes == {Outcome.OK: 1000}
    assert gave_up == ""
    for quantile in (0.5, 0.99, 1.0):
        assert tally.latency.quantile_ms(quantile) == pytest.approx(10.0, rel=0.002)


def test_a_gateway_that_stands_still_for_a_second_can_t_hide_it() -> None:
    """500 photos of 10,000 are held up: a closed loop would have sent one of them and read a p99 of 10 ms."""

    async def stalled() -> Any:
        now = asyncio.get_running_loop().time() - start
        if 10.0 <= now < 11.0:
            await asyncio.sleep(11.0 - now)
        return await _after_10_ms()

    start = 1_001.0  # where `sent_virtually` begins
    tally, _ = sent_virtually(np.arange(0, 20, 0.002), stalled)
    assert tally.photos == 10_000
    assert tally.latency.quantile_ms(0.5) == pytest.approx(10.0, rel=0.002)
    assert 750 <= tally.latency.quantile_ms(0.99) <= 850
    assert tally.latency.max_ms == pytest.approx(1010, rel=0.005)


def test_an_answer_that_is_no_message_is_an_error() -> None:
    """gRPC makes None of such bytes and raises nothing; the load test goes on, and counts it."""

    async def no_message() -> Any:
        return None

    tally, gave_up = sent_virtually(np.arange(0, 1, 0.1), no_message)
    assert (tally.outcomes, tally.codes, tally.in_time) == ({Outcome.ERROR: 10}, {"INTERNAL": 10}, 0)
    assert gave_up == ""


def test_a_client_that_is_late_says_so_and_counts_it() -> None:
    """Each call keeps the client busy for 20 ms where 10 ms lie between two: what callers wait grows, and is told."""

    async def slow_client() -> Any:
        busy_for(0.020)
        return await _after_10_ms()

    tally, _ = sent_virtually(np.arange(0, 4, 0.01), slow_client)
    lag = (tally.lag.quantile_ms(0.5), tally.lag.quantile_ms(0.99))
    assert lag[1] > 3000
    assert tally.latency.max_ms >= tally.lag.max_ms
    latency = (tally.latency.quantile_ms(0.5), tally.latency.quantile_ms(0.99))
    seen = Instrument(400, 400, 100.0, 100.0, latency, lag, 0.5, 0.25)
    assert "sent late" in doubts(seen, [0.5])[0]


def test_a_photo_that_waits_inside_the_client_has_waited() -> None:
    """Two are due at once, and the first keeps the client busy: the second is late, and its latency says so."""

    async def slow_client() -> Any:
        busy_for(0.5)
        return full_answer()

    tally, _ = sent_virtually([0.0, 0.0], slow_client)
    assert tally.latency.max_ms == pytest.approx(1000, rel=0.002)
    assert tally.lag.max_ms == pytest.approx(500, rel=0.002)


def test_a_hopeless_client_gives_up() -> None:
    """Once it is five seconds late it stops, and says at what rate."""

    async def slow_client() -> Any:
        busy_for(0.1)
        return full_answer()

    tally, gave_up = sent_virtually(np.arange(0, 10, 0.01), slow_client)
    assert tally.photos < 100
    assert "could not send at this rate" in gave_up


def test_what_comes_after_the_deadline_is_not_in_time() -> None:
    """Although it is a full answer: the caller had gone."""
    tally, _ = sent_virtually([0.0, 0.1], _after_10_ms, deadline_ms=9.0)
    assert (tally.outcomes[Outcome.OK], tally.in_time) == (2, 0)


def test_errors_are_counted_apart_and_in_no_latency() -> None:
    """A gateway that fails fast does not become fast by that."""

    async def failing() -> Any:
        raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata(), "gone", "")

    tally, _ = sent_virtually([0.0, 0.1, 0.2], failing)
    assert tally.outcomes == {Outcome.ERROR: 3}
    assert tally.codes == {"UNAVAILABLE": 3}
    assert (tally.latency.count, tally.failure.count) == (0, 3)


def test_a_defect_of_the_sender_is_no_result() -> None:
    """An error of ours must not look like a photo that was never due."""

    async def broken() -> Any:
        raise ZeroDivisionError

    with pytest.raises(BaseExceptionGroup):
        sent_virtually([0.0], broken)
