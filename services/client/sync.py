"""The client for callers without an event loop: the asyncio client on a loop of its own, in a background thread."""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from services.client.client import DEFAULT_TARGET, AisleClient
from services.common.errors import Unavailable
from services.common.security.credentials import PLAIN, Credentials

P = ParamSpec("P")
T = TypeVar("T")


def _blocking(
    method: Callable[Concatenate[AisleClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate["SyncAisleClient", P], T]:
    """Return the method for callers that wait; signature and documentation stay the same."""

    def blocking(self: "SyncAisleClient", /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._wait_for(method(self._client, *args, **kwargs))

    functools.update_wrapper(blocking, method)
    return blocking


def _blocking_iterator(
    method: Callable[Concatenate[AisleClient, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate["SyncAisleClient", P], Iterator[T]]:
    """Return the generator method for callers that wait; what it is given is advanced in the loop's thread."""

    def blocking(self: "SyncAisleClient", /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        stream = method(self._client, *args, **kwargs)

        async def next_or_none() -> T | None:
            return await anext(stream, None)

        try:
            while (item := self._wait_for(next_or_none())) is not None:
                yield item
        finally:
            if not self._closed:  # else it was ended then
                self._wait_for(stream.aclose())

    functools.update_wrapper(blocking, method)
    return blocking


class SyncAisleClient:
    """`AisleClient` with methods that wait. Use it from any number of threads.

    Once it is closed, every call raises `Unavailable`, also those that were waiting then.
    """

    search = _blocking(AisleClient.search)
    search_many = _blocking_iterator(AisleClient.search_many)
    catalog = _blocking(AisleClient.catalog)
    status = _blocking(AisleClient.status)
    health = _blocking(AisleClient.health)

    def __init__(self, target: str = DEFAULT_TARGET, credentials: Credentials = PLAIN) -> None:
        """Connect; nothing is sent yet. Arguments and errors are those of `AisleClient`."""
        self._closed = False
        # Nothing is given to the loop once it is about to stop. Reentrant, for an iterator may be collected in there.
        self._lock = threading.RLock()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="aisle-client", daemon=True)
        self._thread.start()
        try:
            self._client = self._wait_for(_connect(target, credentials))
        except BaseException:
            self._stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the channel and end the thread; calls still in flight are cancelled. Safe to repeat."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _end(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.close()

    def _wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        with self._lock:
            if self._closed:
                work.close()
                raise Unavailable("the client is closed")
            future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except CancelledError:
            raise Unavailable("the client was closed before the answer came") from None
        except BaseException:
            future.cancel()  # Ctrl-C in the waiting thread cancels the call too
            raise


async def _connect(target: str, credentials: Credentials) -> AisleClient:
    return AisleClient(target, credentials)  # gRPC's objects belong to the loop in which they are made
