"""A shard service without an index: what its calls and its start do is up to the test."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import grpc.aio
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.common.observing import CallRecord

NAME = shard_pb2.DESCRIPTOR.services_by_name["ShardService"].full_name


async def _at_once() -> None:
    """Take no time."""


class FakeShardService(shard_pb2_grpc.ShardServiceServicer):
    """Service and servicer in one; each call of Search does `work` and then returns the caller's shard as snapshot."""

    def __init__(
        self, *, work: Callable[[], Awaitable[object]] = _at_once, load: Callable[[], Awaitable[object]] = _at_once
    ) -> None:
        """Create the service.

        Args:
            work: what each call of Search does.
            load: what the start does.
        """
        self._work = work
        self._load = load
        self._entered = asyncio.Semaphore(0)
        self.calls: CallRecord | None = None
        self.start_cancelled = False
        self.drained = asyncio.Event()
        self.closed = 0

    @property
    def names(self) -> Sequence[str]:
        """The one service."""
        return (NAME,)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        shard_pb2_grpc.add_ShardServiceServicer_to_server(self, server)

    async def start(self) -> None:
        """Load."""
        try:
            await self._load()
        except asyncio.CancelledError:
            self.start_cancelled = True
            raise

    def drain(self) -> None:
        """Tell the test that calls without end should end now."""
        self.drained.set()

    async def entered(self, calls: int) -> None:
        """Wait until so many more calls of Search have begun."""
        for _ in range(calls):
            await self._entered.acquire()

    async def close(self) -> None:
        """Count that it was closed."""
        self.closed += 1

    async def Search(self, request: shard_pb2.SearchRequest, _context: Any) -> shard_pb2.SearchResponse:  # noqa: N802
        """Work, then echo."""
        self._entered.release()
        await self._work()
        return shard_pb2.SearchResponse(snapshot_id=request.shard)
