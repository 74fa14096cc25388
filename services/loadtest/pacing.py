"""The open loop: each thing is begun at its time, whatever becomes of those before it."""

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Iterable


async def begin_at(
    times: Iterable[float], begin: Callable[[int, float], Awaitable[bool]], clock: Callable[[], float] = time.monotonic
) -> None:
    """Call `begin` at each time, or as soon after as can be.

    Args:
        times: seconds on the clock, rising.
        begin: hears the number of the time, and the time; it starts something and returns at once. False ends the
            loop.
        clock: seconds, monotonic.
    """
    for number, due in enumerate(times):
        while (left := due - clock()) > 0:  # noqa: ASYNC110 - time itself is waited for
            await asyncio.sleep(left)
        if not await begin(number, due):
            return


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return an event loop whose timers are good to 0.1 ms: epoll's, the default, wake up to 1 ms late."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
