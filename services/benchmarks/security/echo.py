"""A searcher without an index, that answers at once: `python -m services.benchmarks.security.echo --port 50061`."""

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import grpc.aio
from aisle.shard.v1 import shard_pb2, shard_pb2_grpc

from services.benchmarks.starting import started
from services.cli.supervising.machine import free_ports
from services.cli.supervising.processes import Kind, ProcessSpec
from services.common.lifecycle import ServerSettings, main
from services.models.child_processes import tied_to_parent

_SERVICE: Final = shard_pb2.DESCRIPTOR.services_by_name["ShardService"].full_name


class Echo(shard_pb2_grpc.ShardServiceServicer):
    """Service and servicer in one."""

    calls = None

    def __init__(self, _settings: ServerSettings) -> None:
        """Need nothing."""

    @property
    def names(self) -> Sequence[str]:
        """The one service."""
        return (_SERVICE,)

    def register(self, server: grpc.aio.Server) -> None:
        """Add the servicer."""
        shard_pb2_grpc.add_ShardServiceServicer_to_server(self, server)

    async def start(self) -> None:
        """Need no time."""

    def drain(self) -> None:
        """Have nothing to end."""

    async def close(self) -> None:
        """Have nothing to close."""

    async def Search(self, request: shard_pb2.SearchRequest, _context: Any) -> Any:  # noqa: N802 - named by the proto
        """Answer with the shard's name."""
        return shard_pb2.SearchResponse(snapshot_id=request.shard)


@asynccontextmanager
async def echo(folder: Path, name: str, **settings: object) -> AsyncIterator[str]:
    """Run one as a process for the time of the context, and yield its address.

    Args:
        folder: for its log.
        name: of its log.
        **settings: as `ServerSettings` has them.
    """
    [port] = free_ports(1)
    options = [word for key, value in settings.items() for word in (f"--{key.replace('_', '-')}", str(value))]
    argv = (sys.executable, "-m", "services.benchmarks.security.echo", "--port", str(port), *options)
    spec = ProcessSpec(name, Kind.SEARCHER, tied_to_parent(argv), f"127.0.0.1:{port}")
    async with started(spec, folder) as running:
        yield running.address


if __name__ == "__main__":
    sys.exit(main("echo", ServerSettings, Echo, sys.argv[1:]))
