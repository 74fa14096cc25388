"""Calls of an asynchronous storage are answered, late, or given up from another thread."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fsspec.asyn import AsyncFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from services.snapshot.storage_calls import StorageCalls


class Storage(AsyncFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Answers with the path, except that nothing comes of what is called "hangs"."""

    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.cancelled = threading.Event()

    async def _cat_file(self, path: str, **_: Any) -> bytes:
        self.asked.set()
        try:
            if path == "hangs":
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return path.encode()


def test_what_the_storage_answers_is_returned() -> None:
    """Also by one that only blocks."""
    assert StorageCalls(Storage()).call("cat_file", "a") == b"a"
    memory = MemoryFileSystem()
    memory.pipe_file("/calls/a", b"blocking")
    assert StorageCalls(memory).call("cat_file", "/calls/a") == b"blocking"


def test_what_takes_too_long_is_ended() -> None:
    """The storage is no longer asked either."""
    storage = Storage()
    with pytest.raises(TimeoutError):
        StorageCalls(storage).call("cat_file", "hangs", timeout_seconds=0.01)
    assert storage.cancelled.wait(5)


def test_whoever_waits_hears_at_once_that_it_is_given_up() -> None:
    """And so does whoever comes later."""
    storage = Storage()
    calls = StorageCalls(storage)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(calls.call, "cat_file", "hangs")
        assert storage.asked.wait(5)
        calls.give_up()
        with pytest.raises(ConnectionAbortedError, match="given up"):
            waiting.result(timeout=5)
    assert storage.cancelled.wait(5)
    with pytest.raises(ConnectionAbortedError, match="given up"):
        calls.call("cat_file", "a")
