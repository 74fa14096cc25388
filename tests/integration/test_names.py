"""Names and Tritons by their real means: the machine's resolver, and a Triton that says that it is not ready."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc.aio
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from services.common.errors import Unavailable
from services.gateway.peers.addresses import Name
from services.gateway.peers.name_service import Dns
from services.gateway.peers.tritons import Tritons


@pytest.fixture
async def dns() -> AsyncIterator[Dns]:
    """The machine's resolver."""
    resolver = Dns()
    yield resolver
    await resolver.close()


async def test_hosts_are_found_as_the_machine_finds_them(dns: Dns) -> None:
    """In /etc/hosts, too, with the port that was asked for."""
    assert "127.0.0.1:50051" in await dns.addresses(Name("localhost", 50051))


@pytest.mark.parametrize("host", ["a..b", "x" * 64, "snow man", "\N{SNOWMAN}"])
async def test_what_can_be_no_host_is_unknown(dns: Dns, host: str) -> None:
    """Whatever the shard map says, the watch goes on."""
    with pytest.raises(Unavailable):
        await dns.addresses(Name(host, 50051))


class ReadyOrNot(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]  # generated, without types
    """A Triton that can only say whether it is ready."""

    is_ready = True

    async def ServerReady(self, _request: Any, _context: Any) -> Any:  # noqa: N802 - named by the proto
        """Say it."""
        return service_pb2.ServerReadyResponse(ready=self.is_ready)


@asynccontextmanager
async def serving(servicer: ReadyOrNot) -> AsyncIterator[str]:
    """Serve it, and yield its address."""
    server = grpc.aio.server()
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def no_tritons() -> AsyncIterator[Tritons]:
    """Have none yet, and close them in the end."""
    tritons = Tritons()
    try:
        yield tritons
    finally:
        await tritons.close()


async def within(seconds: float, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - gRPC has no event for it
            await asyncio.sleep(0.02)


async def test_a_triton_that_says_that_it_is_not_ready_is_not_asked() -> None:
    """Within a second; when it is again, it is; one that has left can be had for the calls that it still has."""
    servicer = ReadyOrNot()
    async with serving(servicer) as address, no_tritons() as tritons:
        tritons.join([address])
        assert not tritons.is_ready(address), "it is not connected yet"
        await within(5, lambda: tritons.is_ready(address))
        servicer.is_ready = False
        await within(1, lambda: not tritons.is_ready(address))
        servicer.is_ready = True
        await within(1, lambda: tritons.is_ready(address))
        tritons.leave([address])
        assert (list(tritons), tritons.is_ready(address)) == ([], False)
        assert await tritons[address].ready()
