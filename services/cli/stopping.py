"""Ctrl-C and SIGTERM as a wish to end early: what was measured until then is still worth a report."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_set(stop: asyncio.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM set the event instead of ending the process, for the time of the context."""
    loop = asyncio.get_running_loop()
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
