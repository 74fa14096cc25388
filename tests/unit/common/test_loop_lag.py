"""What blocks the event loop shows."""

import asyncio
import time

from services.common.loop_lag import LoopLag


async def test_a_loop_that_is_blocked_is_late() -> None:
    """By about as long as it was blocked; one that only waits is not."""
    lags: list[float] = []
    lag = LoopLag(lags.append)
    await asyncio.sleep(0.3)
    assert len(lags) >= 2
    usual = sorted(lags)[len(lags) // 2]
    time.sleep(0.3)  # noqa: ASYNC251 - what it is there to find
    await asyncio.sleep(0.1)
    await lag.close()
    assert max(lags) > 0.2 > usual
    seen = len(lags)
    await asyncio.sleep(0.1)
    assert len(lags) == seen
