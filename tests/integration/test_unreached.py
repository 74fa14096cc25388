"""Why there is no connection, in words for whoever typed the address: gRPC's own change from release to release."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import grpc.aio
import pytest

from services.benchmarks.security.authority import Authority, Identity
from services.client import AisleClient, Credentials
from services.common.errors import AisleError, FailedPrecondition, Unavailable
from services.common.gateway_addresses import unreached


@pytest.fixture
def trust(tmp_path: Path) -> Authority:
    authority = Authority()
    authority.write(tmp_path / "ca.pem")
    Authority().write(tmp_path / "other.pem")
    return authority


@pytest.fixture
async def ports(trust: Authority, tmp_path: Path) -> AsyncIterator[dict[str, int]]:
    """Servers without TLS, with it, and with it for callers with a certificate only."""
    identity: Identity = trust.issue(tmp_path, "gateway")
    pair = (identity.key.read_bytes(), identity.certificate.read_bytes())
    kinds = {
        "plain": None,
        "tls": grpc.ssl_server_credentials([pair]),
        "mutual": grpc.ssl_server_credentials([pair], (tmp_path / "ca.pem").read_bytes(), True),  # noqa: FBT003
    }
    server = grpc.aio.server()
    bound = {
        kind: server.add_insecure_port("127.0.0.1:0") if each is None else server.add_secure_port("127.0.0.1:0", each)
        for kind, each in kinds.items()
    }
    await server.start()
    yield {**bound, "nobody": 1}
    await server.stop(None)


@pytest.mark.parametrize(
    ("kind", "authority", "name", "error", "words"),
    [
        ("nobody", None, None, Unavailable, r"nobody serves at 127\.0\.0\.1:1 \(without TLS\): start it"),
        ("nobody", "ca.pem", "gateway", Unavailable, r"nobody serves at 127\.0\.0\.1:1 \(by TLS\)"),
        ("tls", None, None, FailedPrecondition, r"\(without TLS\) ends the connection at once: it wants TLS"),
        ("plain", "ca.pem", "gateway", FailedPrecondition, r"\(by TLS\) speaks no TLS: leave out --tls"),
        ("tls", "other.pem", "gateway", FailedPrecondition, r"is not trusted \(.*\): its authority's file is --tls-ca"),
        ("tls", "ca.pem", "another", FailedPrecondition, r"for another name: .* --tls-server-name"),
        ("mutual", "ca.pem", "gateway", FailedPrecondition, r"it wants a certificate of yours"),
    ],
)
async def test_each_disagreement_says_what_to_do(
    ports: dict[str, int],
    tmp_path: Path,
    kind: str,
    authority: str | None,
    name: str | None,
    error: type[AisleError],
    words: str,
) -> None:
    """Which side lacks what; nobody there may come back, the others won't by themselves."""
    ca = None if authority is None else tmp_path / authority
    credentials = Credentials(tls_ca=ca, tls_server_name=name)
    address = f"127.0.0.1:{ports[kind]}"
    async with AisleClient(address, credentials) as client:
        with pytest.raises(Unavailable) as said:
            await client.search(b"photo", timeout_seconds=5)
    told = unreached(said.value.message, address, is_secure=credentials.is_secure)
    assert type(told) is error
    assert told.field == "target"
    with pytest.raises(error, match=words):
        raise told
