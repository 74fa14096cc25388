"""A wish to end early is heard while there is something to keep, and ends the command after that."""

import asyncio
import os
import signal

import pytest

from services.cli.console import run
from services.cli.stopping import signals_set


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_at_first_and_cancels_after_the_context(number: signal.Signals) -> None:
    """What the command has started is ended in either case, as without the context."""
    done = list[str]()

    async def work() -> None:
        try:
            stop = asyncio.Event()
            with signals_set(stop):
                os.kill(os.getpid(), number)
                await stop.wait()
                done.append("stopped")
            os.kill(os.getpid(), number)
            await asyncio.sleep(5)
            done.append("not cancelled")
        finally:
            done.append("ended what it had started")

    before = signal.getsignal(signal.SIGTERM)
    signal.signal(signal.SIGTERM, lambda *_: done.append("the system's default"))  # which would end the test
    try:
        with pytest.raises(KeyboardInterrupt):
            run(work())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert done == ["stopped", "ended what it had started"]
