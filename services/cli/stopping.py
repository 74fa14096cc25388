"""Ctrl-C and SIGTERM as a wish to end early: what was measured until then is still worth a report."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def signals_set(stop: asyncio.Event) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM set the event for the time of the context; after it they cancel the task that entered it.

    Cancelled, and not ended by the system's default, it still stops what it has started.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    for number in _SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.add_signal_handler(number, task.cancel)
