"""When servers' certificates expire, as gateways see it: by handshakes with real servers."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest

from services.benchmarks.security.authority import Authority
from services.common.security.credentials import PLAIN, Credentials
from services.common.security.peer_certificates import PeerCertificates, expiry_of
from tests.support.fake_shard_service import FakeShardService
from tests.support.guarded import Trust, guarded
from tests.support.servers import serving
from tests.support.triton import free_port

SOON = datetime(2040, 1, 1, tzinfo=UTC)


@pytest.fixture
def trust(tmp_path: Path) -> Trust:
    """An authority, and a server's certificate that expires soon."""
    trust = Trust(tmp_path)
    trust.authority.issue(tmp_path, "server", not_after=SOON)
    return trust


async def test_it_is_read_from_servers_that_ask_for_a_certificate_and_from_others(trust: Trust) -> None:
    """With ours where it is asked for; no call is made."""
    shown = trust.certificate("gateway")
    for settings in (trust.tls, trust.mutual_tls):
        async with guarded(**settings) as served:
            assert await expiry_of(f"127.0.0.1:{served.port}", shown) == SOON
            assert served.value("aisle_searcher_rpcs_total", method="Search", code="OK") == 0


async def test_one_that_nobody_should_accept_any_more_is_read(tmp_path: Path) -> None:
    """That is when somebody wants to know; whose it is does not matter either."""
    yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    expired = Authority().issue(tmp_path, "server", not_after=yesterday)
    pair = (expired.key.read_bytes(), expired.certificate.read_bytes())
    server = grpc.aio.server()
    port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    await server.start()
    assert await expiry_of(f"127.0.0.1:{port}", Credentials(tls=True)) == yesterday
    await server.stop(None)


async def test_the_first_to_expire_is_noted(trust: Trust) -> None:
    """Of those that can be reached; one that is away, or speaks no TLS, keeps nobody from looking at the others."""
    noted: asyncio.Queue[float] = asyncio.Queue()
    async with guarded(**trust.tls) as served, serving(FakeShardService()) as plain:
        addresses = [f"127.0.0.1:{free_port()}", plain, f"127.0.0.1:{served.port}"]
        looking = PeerCertificates(trust.token("right"), lambda: addresses, noted.put_nowait)
        assert await asyncio.wait_for(noted.get(), 20) == SOON.timestamp()
        await looking.close()


async def test_without_tls_nobody_looks() -> None:
    """There is nothing to see."""
    looking = PeerCertificates(PLAIN, lambda: pytest.fail("it looked"), lambda _: None)
    await asyncio.sleep(0.05)
    await looking.close()
