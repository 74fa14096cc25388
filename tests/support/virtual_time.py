"""An event loop whose time only passes while everybody waits, and then at once: hours in a moment, and always alike."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """The loop; `time` is its clock, and `advance` is work that keeps the loop busy."""

    def __init__(self) -> None:
        """Begin somewhere."""
        self._now = 1_000.0
        super().__init__(_Leaping(self))

    def time(self) -> float:
        """Return the seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds


class _Leaping(selectors.SelectSelector):
    """Instead of waiting for the next timer, goes there."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is not None:
            self._loop.advance(max(0.0, timeout))
        return ready


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run on a virtual loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
