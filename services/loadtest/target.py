"""The gateway under test: how it is reached, by TLS and with a token if need be, and what it says of itself."""

from typing import Any

import grpc
import grpc.aio
from aisle.search.v1 import search_pb2, search_pb2_grpc

from services.client.conversion import from_catalog_pages
from services.client.types import Catalog
from services.common.channels import channel_options
from services.common.errors import AisleError, FailedPrecondition, Unavailable
from services.common.gateway_addresses import checked_target, unreached
from services.common.security.credentials import Credentials
from services.common.security.dialling import Dialler
from services.common.status import failure_of, from_failure, received

# No retries: a photo that was sent twice would be counted once, and what it cost the server would be lost.
_SERVICE_CONFIG: dict[str, object] = {"loadBalancingConfig": [{"round_robin": {}}]}
_PROBE_SECONDS = 5.0
_SEARCH = "/aisle.search.v1.SearchService/Search"


class Target(Credentials):
    """A gateway, or several."""

    address: str
    """`host:port`, or several gateways as `ipv4:host:port,host:port`."""


def channel_to(target: Target) -> grpc.aio.Channel:
    """Return a channel; make it in the event loop that uses it.

    Raises:
        SettingsInvalid: a file of the target can't be read, or its token would leave this machine in clear.
    """
    return Dialler(target).open(target.address, channel_options(_SERVICE_CONFIG))


def search_call(channel: grpc.aio.Channel) -> Any:
    """Return the call `Search` for requests that are bytes already: a request is written down once, and sent often."""
    untyped: Any = channel  # its stubs ask for a serializer
    return untyped.unary_unary(_SEARCH, response_deserializer=search_pb2.SearchResponse.FromString)


async def probe(target: Target, timeout_seconds: float = _PROBE_SECONDS) -> Catalog:
    """Return what the gateway serves; the list of its categories holds one at most.

    Raises:
        Unavailable: nobody answers there, or not yet.
        FailedPrecondition: somebody answers who is no gateway of ours, or does not let us in.
        Internal: the answer is no message.
        InvalidArgument: the target has no port.
        SettingsInvalid: a file of the target can't be read.
    """
    checked_target(target.address)
    channel = channel_to(target)
    try:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        request = search_pb2.GetCatalogRequest(page_size=1)
        page = await stub.GetCatalog(request, timeout=timeout_seconds, wait_for_ready=False)
    except grpc.aio.AioRpcError as error:
        raise _explained(error, target) from None
    finally:
        await channel.close(grace=None)
    return from_catalog_pages([received(page, target.address)])


def _explained(error: grpc.aio.AioRpcError, target: Target) -> AisleError:
    """Return what a failed first call means for whoever typed the address."""
    failure = failure_of(error)
    if failure.reason:
        return from_failure(failure)  # one of ours, which knows best
    no_connection = unreached(failure.message, target.address, is_secure=target.is_secure)
    if no_connection is not None:
        return no_connection
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
        case _:
            return FailedPrecondition(
                f"{where} does not speak as a gateway does; another protocol, or TLS on one side only? "
                f"gRPC says: {failure.message[:200]}",
                field="target",
            )
