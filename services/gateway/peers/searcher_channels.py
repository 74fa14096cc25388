"""The channels to searchers, one per replica: opened when it joins, closed when it has left and answered its calls."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final

import grpc
import grpc.aio
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.channels import channel_options, watching_health
from services.common.errors import Unavailable
from services.common.retiring import Retiring
from services.common.security.dialling import Dialler

_SERVICE: Final = shard_pb2.DESCRIPTOR.services_by_name["ShardService"].full_name
_GRACE_SECONDS: Final = 30.0
"""The longest deadline of a call to a replica that has left."""


class SearcherChannels:
    """Opens and closes channels. Make it, use it and close it in the same event loop.

    A channel is ready while the searcher at its other end is connected and says SERVING: gRPC watches its health, and
    sends nothing to one that says NOT_SERVING.
    """

    def __init__(
        self, dialler: Dialler | None = None, *, authority_of: Callable[[str], str | None] = lambda _: None
    ) -> None:
        """Open none yet.

        Args:
            dialler: opens them; None for channels without TLS.
            authority_of: the `host:port` that the searcher at an address is known by; None when it is the address.
        """
        self._dialler = dialler or Dialler()
        self._authority_of = authority_of
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._stubs: dict[str, Any] = {}  # its stubs know only the blocking calls
        self._called = set[str]()  # addresses of which a call may be in work
        self._retiring = Retiring(_GRACE_SECONDS)

    def join(self, addresses: Iterable[str]) -> None:
        """Open channels; they connect when somebody wants to know whether they are ready."""
        for address in addresses:
            options = channel_options(watching_health(_SERVICE), authority=self._authority_of(address))
            channel = self._dialler.open(address, options)
            self._channels[address] = channel
            self._stubs[address] = shard_pb2_grpc.ShardServiceStub(channel)

    def leave(self, addresses: Iterable[str]) -> None:
        """Send nothing more; calls in flight may end."""
        for address in addresses:
            del self._stubs[address]
            close = partial(self._channels.pop(address).close, None)
            self._retiring.retire(close, had_calls=address in self._called)
            self._called.discard(address)

    def is_ready(self, address: str) -> bool:
        """Return whether the searcher is connected and says SERVING; False for one that has left."""
        channel = self._channels.get(address)
        return channel is not None and channel.get_state(try_to_connect=True) is grpc.ChannelConnectivity.READY

    def stub(self, address: str) -> Any:
        """Return the stub for a call to a searcher.

        Raises:
            Unavailable: it has left.
        """
        stub = self._stubs.get(address)
        if stub is None:
            raise Unavailable(f"searcher {address} has left")
        self._called.add(address)
        return stub

    async def connect(self, timeout_seconds: float) -> Sequence[str]:
        """Wait for every channel to be ready; return the addresses that could not be reached in time."""

        async def reach(address: str, channel: grpc.aio.Channel) -> str | None:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await channel.channel_ready()
            except TimeoutError:
                return address
            return None

        outcomes = await asyncio.gather(*(reach(address, channel) for address, channel in self._channels.items()))
        return sorted(address for address in outcomes if address is not None)

    async def close(self) -> None:
        """Close every channel."""
        await self._retiring.close()
        await asyncio.gather(*(channel.close(None) for channel in self._channels.values()))
