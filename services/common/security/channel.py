"""A channel that takes new certificates without losing a call: another connection is made first, then taken."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

import grpc
import grpc.aio

from services.common.retiring import Retiring
from services.common.security.saying import say

Metadata = tuple[tuple[str, str], ...]

_GRACE_SECONDS: Final = 65.0
"""How long calls of the connection before may last: servers end theirs after a minute, too (`server_options`)."""
_PATIENCE_SECONDS: Final = 1.0
"""How long a new connection may take before it is said that it was refused."""
_AWAY_SECONDS: Final = 3.0
"""How long the present one is away, without a break, before it counts as lost: servers end each of theirs now and then
(`server_options`), and the next one stands in a moment."""

_READY: Final = grpc.ChannelConnectivity.READY


class RenewableChannel(grpc.aio.Channel):
    """A channel over a channel that can be replaced. Make it, use it and close it in the same event loop."""

    def __init__(
        self,
        dial: Callable[[], grpc.aio.Channel],
        metadata: Callable[[], Metadata],
        on_close: Callable[["RenewableChannel"], None],
    ) -> None:
        """Open the first one.

        Args:
            dial: opens a channel with what holds now.
            metadata: what goes along with each call.
            on_close: called when it is closed.
        """
        self._dial = dial
        self._metadata = metadata
        self._on_close = on_close
        self._renewed = asyncio.Event()
        self._renewing: asyncio.Task[None] | None = None
        self._retiring = Retiring(_GRACE_SECONDS)
        self._is_closed = False
        self.current = dial()

    def renew(self) -> None:
        """Make a new connection, and take it once it stands, or when the present one is lost."""
        if self._renewing is not None:
            self._renewing.cancel()
        self._renewing = asyncio.create_task(self._renew())

    async def _renew(self) -> None:
        fresh = self._dial()
        is_said = False
        try:
            while not await _is_ready(fresh, _PATIENCE_SECONDS) and await _is_ready(self.current, _AWAY_SECONDS):
                if not is_said:
                    say("warning", "new_credentials_refused", goes_on_with="the connection made before")
                is_said = True
        except asyncio.CancelledError:
            await fresh.close(None)
            raise
        before, self.current = self.current, fresh
        self._renewed.set()
        self._renewed = asyncio.Event()
        self._retiring.retire(partial(before.close, None))

    def with_metadata(self, metadata: Any) -> Any:
        """Add what goes along with each call to what goes along with one."""
        added = self._metadata()
        if not added:
            return metadata
        return (*metadata, *added) if metadata else added

    async def close(self, grace: float | None = None) -> None:
        """Close all connections; safe to repeat."""
        self._is_closed = True
        self._on_close(self)
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        await self._retiring.close()
        await self.current.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - gRPC's
        """Return the state of the connection that new calls take."""
        return self.current.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """Wait until the connection that new calls take is in another state, or another connection."""
        observed = self.current
        while not self._is_closed and self.current is observed and observed.get_state() is last_observed_state:
            changed = asyncio.ensure_future(observed.wait_for_state_change(last_observed_state))
            renewed = asyncio.ensure_future(self._renewed.wait())
            try:
                await asyncio.wait((changed, renewed), return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
                renewed.cancel()

    async def channel_ready(self) -> None:
        """Wait until there is a connection."""
        while (state := self.get_state(try_to_connect=True)) is not _READY:
            await self.wait_for_state_change(state)

    def unary_unary(self, *args: Any, **kwargs: Any) -> Any:
        """Return a callable as `grpc.aio.Channel` does, for whatever connection there is when it is called."""
        return _Callable(self, lambda channel: channel.unary_unary(*args, **kwargs))

    def unary_stream(self, *args: Any, **kwargs: Any) -> Any:
        """As `unary_unary`."""
        return _Callable(self, lambda channel: channel.unary_stream(*args, **kwargs))

    def stream_unary(self, *args: Any, **kwargs: Any) -> Any:
        """As `unary_unary`."""
        return _Callable(self, lambda channel: channel.stream_unary(*args, **kwargs))

    def stream_stream(self, *args: Any, **kwargs: Any) -> Any:
        """As `unary_unary`."""
        return _Callable(self, lambda channel: channel.stream_stream(*args, **kwargs))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Callable:
    """A method of a service, made anew when there is another connection."""

    def __init__(self, channel: RenewableChannel, make: Callable[[grpc.aio.Channel], Any]) -> None:
        self._channel = channel
        self._make = make
        self._made_of: grpc.aio.Channel | None = None
        self._call: Any = None

    def __call__(self, *args: Any, metadata: Any = None, **kwargs: Any) -> Any:
        if self._made_of is not self._channel.current:
            self._made_of = self._channel.current
            self._call = self._make(self._made_of)
        return self._call(*args, metadata=self._channel.with_metadata(metadata), **kwargs)


async def _is_ready(channel: grpc.aio.Channel, patience_seconds: float) -> bool:
    """Return whether there is a connection, or comes to be one in that time."""
    try:
        async with asyncio.timeout(patience_seconds):
            await channel.channel_ready()
    except TimeoutError:
        return False
    return True
