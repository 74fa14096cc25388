"""Reading from a storage that may hang: who has to end gives the calls up, whatever threads wait for them."""

import asyncio
import threading
from concurrent.futures import CancelledError, Future
from typing import Any


class StorageCalls:
    """Calls of an fsspec file system, from any thread. One that is local or only blocks can't be given up."""

    def __init__(self, filesystem: Any) -> None:
        """Create it; nothing is called yet."""
        self._filesystem = filesystem
        self._lock = threading.Lock()
        self._running: set[Future[Any]] = set()
        self._is_over = False

    def call(self, method: str, *arguments: Any, timeout_seconds: float | None = None, **options: Any) -> Any:
        """Call a method and return what it returns.

        Args:
            method: its name.
            arguments: what it is given.
            timeout_seconds: how long it may take, whatever is tried for it; None for as long as it takes.
            options: what else it is given.

        Raises:
            TimeoutError: it took longer.
            ConnectionAbortedError: it was given up, or would begin after that.
            Exception: what the method raises.
        """
        if not self._filesystem.async_impl:
            return getattr(self._filesystem, method)(*arguments, **options)
        with self._lock:
            if self._is_over:
                raise _given_up()
            call = getattr(self._filesystem, f"_{method}")(*arguments, **options)
            running = asyncio.run_coroutine_threadsafe(call, self._filesystem.loop)
            self._running.add(running)
        try:
            return running.result(timeout_seconds)
        except CancelledError:
            raise _given_up() from None
        finally:
            running.cancel()  # nobody waits for it any more
            with self._lock:
                self._running.discard(running)

    def give_up(self) -> None:
        """End all calls that are under way, and begin no other."""
        with self._lock:
            self._is_over = True
            running = tuple(self._running)
        for each in running:
            each.cancel()


def _given_up() -> ConnectionAbortedError:
    return ConnectionAbortedError("given up, since this process ends")
