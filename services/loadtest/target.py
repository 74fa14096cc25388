"""The gateway under test: how it is reached, by TLS and with a token if need be, and what it says of itself."""

from pathlib import Path
from typing import Any, Self

import grpc
import grpc.aio
from aisle.search.v1 import search_pb2, search_pb2_grpc
from pydantic import model_validator

from services.client.conversion import from_catalog_pages
from services.client.types import Catalog
from services.common.channels import channel_options
from services.common.errors import AisleError, FailedPrecondition, SettingsInvalid, Unavailable
from services.common.settings import Settings
from services.common.status import failure_of, from_failure

# No retries: a photo that was sent twice would be counted once, and what it cost the server would be lost.
_SERVICE_CONFIG: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
_PROBE_SECONDS = 5.0
_SEARCH = "/aisle.search.v1.SearchService/Search"

Metadata = tuple[tuple[str, str], ...]


class Access(Settings):
    """What a gateway wants to see before it answers; nothing by default."""

    tls: bool = False
    """Speak TLS; with the system's authorities unless `tls_ca` names others."""
    tls_ca: Path | None = None
    """File with the authorities to trust, PEM; speaks TLS."""
    tls_certificate: Path | None = None
    """File with this client's certificate, PEM; needs `tls_key`."""
    tls_key: Path | None = None
    """File with its key, PEM."""
    tls_server_name: str | None = None
    """The name in the server's certificate, when it is not the address's."""
    token_file: Path | None = None
    """File with a token that goes along with each call, as `authorization: Bearer`."""

    @model_validator(mode="after")
    def _certificate_has_a_key(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key belong together")
        return self

    @property
    def is_secure(self) -> bool:
        """Whether it is reached by TLS."""
        return self.tls or self.tls_ca is not None or self.tls_certificate is not None


class Target(Access):
    """A gateway, or several."""

    address: str
    """`host:port`, or several gateways as `ipv4:host:port,host:port`."""


def channel_to(target: Target) -> grpc.aio.Channel:
    """Return a channel; make it in the event loop that uses it.

    Raises:
        SettingsInvalid: a file of the target can't be read.
    """
    options: Any = channel_options(_SERVICE_CONFIG)
    if not target.is_secure:
        return grpc.aio.insecure_channel(target.address, options=options)
    credentials = grpc.ssl_channel_credentials(
        _read(target.tls_ca), _read(target.tls_key), _read(target.tls_certificate)
    )
    if target.tls_server_name:
        options = (*options, ("grpc.ssl_target_name_override", target.tls_server_name))
    return grpc.aio.secure_channel(target.address, credentials, options=options)


def metadata_for(target: Target) -> Metadata:
    """Return what goes along with each call.

    Raises:
        SettingsInvalid: the token's file can't be read, or holds none.
    """
    token = _read(target.token_file)
    if token is None:
        return ()
    words = token.decode("utf-8", "replace").split()
    if len(words) != 1 or not words[0].isascii():
        raise SettingsInvalid(f"{target.token_file} holds no token: one word is expected", field="token_file")
    return (("authorization", f"Bearer {words[0]}"),)


def search_call(channel: grpc.aio.Channel) -> Any:
    """Return the call `Search` for requests that are bytes already: a request is written down once, and sent often."""
    untyped: Any = channel  # its stubs ask for a serializer
    return untyped.unary_unary(_SEARCH, response_deserializer=search_pb2.SearchResponse.FromString)


async def probe(target: Target, timeout_seconds: float = _PROBE_SECONDS) -> Catalog:
    """Return what the gateway serves; the list of its categories holds one at most.

    Raises:
        Unavailable: nobody answers there, or not yet.
        FailedPrecondition: somebody answers who is no gateway of ours, or does not let us in.
        SettingsInvalid: a file of the target can't be read.
    """
    metadata = metadata_for(target)
    channel = channel_to(target)
    try:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        request = search_pb2.GetCatalogRequest(page_size=1)
        page = await stub.GetCatalog(request, timeout=timeout_seconds, metadata=metadata, wait_for_ready=False)
    except grpc.aio.AioRpcError as error:
        raise _explained(error, target) from None
    finally:
        await channel.close(grace=None)
    return from_catalog_pages([page])


def _explained(error: grpc.aio.AioRpcError, target: Target) -> AisleError:
    """Return what a failed first call means for whoever typed the address."""
    failure = failure_of(error)
    if failure.reason:
        return from_failure(failure)  # one of ours, which knows best
    tls = "by TLS" if target.is_secure else "without TLS"
    where = f"{target.address} ({tls})"
    match error.code():
        case grpc.StatusCode.UNIMPLEMENTED:
            return FailedPrecondition(
                f"{where} speaks gRPC, but is no Aisle gateway: it has no aisle.search.v1", field="target"
            )
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            return FailedPrecondition(
                f"{where} does not let us in: {failure.message}; see --token-file", field="target"
            )
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return Unavailable(f"{where} does not answer within {_PROBE_SECONDS:g} s", field="target")
        case grpc.StatusCode.UNAVAILABLE if "refused" in failure.message or "DNS" in failure.message:
            return Unavailable(f"nobody serves at {where}: start it, or name another with --target", field="target")
        case _:
            return FailedPrecondition(
                f"{where} does not speak as a gateway does; another protocol, or TLS on one side only? "
                f"gRPC says: {failure.message[:200]}",
                field="target",
            )


def _read(path: Path | None) -> bytes | None:
    try:
        return None if path is None else path.read_bytes()
    except OSError as error:
        raise SettingsInvalid(f"{path} can't be read: {error.strerror}", field="target") from None
