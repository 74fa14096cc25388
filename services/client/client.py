"""The asyncio client of the gateway."""

import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, Unpack

import grpc
import grpc.aio
from aisle.operator.v1 import operator_pb2, operator_pb2_grpc
from aisle.search.v1 import search_pb2, search_pb2_grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.client.conversion import from_catalog_pages, from_error, from_response, to_request
from services.client.photos import encoded
from services.client.retries import SERVICE_CONFIG
from services.client.status import GatewayStatus, from_status
from services.client.streaming import Flight
from services.client.types import Catalog, Health, Photo, SearchItem, SearchOptions, SearchOutcome, SearchResult
from services.common.channels import channel_options
from services.common.errors import Internal, InvalidArgument
from services.common.requests import REQUEST_ID, is_sound_id, request_id_of
from services.common.security.credentials import PLAIN, Credentials
from services.common.security.dialling import Dialler
from services.common.status import failure_of, from_failure, received

DEFAULT_TARGET = "127.0.0.1:50051"
_DEFAULT_TIMEOUT_SECONDS = 2.0
_STATUS_SECONDS = 5.0
_MOST_SECONDS = 1_000_000.0
_CATALOG_PAGE_SIZE = 1000
_SERVICE = search_pb2.DESCRIPTOR.services_by_name["SearchService"].full_name


class AisleClient:
    """A channel to a gateway, or to several in turn; make it, use it and close it in the same event loop.

    Failures are raised as the classes of `services.common.errors`. What is UNAVAILABLE is tried again, up to five
    times and within the deadline; nothing else is. A cancelled task cancels its call.
    """

    def __init__(self, target: str = DEFAULT_TARGET, credentials: Credentials = PLAIN) -> None:
        """Connect; nothing is sent yet.

        Args:
            target: a gateway's `host:port`, or several as `ipv4:host:port,host:port`.
            credentials: what the gateway is shown, and what it has to show. Their files may change: nothing fails.

        Raises:
            SettingsInvalid: a file of the credentials is unusable, or a token would leave this machine in clear.
        """
        dialler = Dialler(credentials)
        self._channel = dialler.open(target, channel_options(SERVICE_CONFIG))
        self._stub: Any = search_pb2_grpc.SearchServiceStub(self._channel)  # its stubs know only the blocking calls
        self._operator: Any = operator_pb2_grpc.OperatorServiceStub(self._channel)
        # Of its own: the other one takes no call at all to a gateway that says NOT_SERVING, not even this question.
        self._health_channel = dialler.open(target, channel_options())
        self._health: Any = health_pb2_grpc.HealthStub(self._health_channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel; calls still in flight are cancelled. Safe to repeat."""
        await self._channel.close(grace=None)
        await self._health_channel.close(grace=None)

    async def search(
        self,
        photo: Photo,
        *,
        timeout_seconds: float = _DEFAULT_TIMEOUT_SECONDS,
        request_id: str | None = None,
        **options: Unpack[SearchOptions],
    ) -> SearchResult:
        """Find the products in one photo.

        Args:
            photo: encoded bytes, a path, or RGB pixels uint8 `(H, W, 3)`.
            timeout_seconds: the budget of the whole answer, retries included.
            request_id: what logs and traces are to know the request by, 1 to 128 letters, digits and `._:/+=-`; a new
                one by default. It is in the answer, and in the text of an error.
            **options: what is wanted, see `SearchOptions`.

        Raises:
            AisleError: a subclass; `services.common.errors` has the tree.
        """
        timeout_seconds, request_id = _usable(timeout_seconds), _fit(request_id)
        request = to_request(await encoded(photo), options)
        return from_response(await _answer(self._stub.Search, request, timeout_seconds, request_id), request_id)

    async def search_many(
        self,
        items: AsyncIterable[SearchItem] | Iterable[SearchItem],
        *,
        in_flight: int = 8,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[SearchOutcome, None]:
        """Search many photos over one stream; yields outcomes as they come, not in order.

        Every photo gets exactly one outcome, whatever happens: a bad photo has its error, and photos that are answered
        with UNAVAILABLE, or that a broken stream left without answer, are sent again. `items` is advanced on the event
        loop, one photo ahead at most.

        Args:
            items: request id, photo and options of each photo; ids are unique among the photos in flight.
            in_flight: photos that are sent and not yet taken from this iterator, at most.
            timeout_seconds: time for all of them together; None sets no end, and the gateway's default holds for
                each photo. What is not sent by then ends with DEADLINE_EXCEEDED, also of a plain iterable, which is
                read to its end.

        Raises:
            InvalidArgument: `in_flight` or `timeout_seconds` can't be.
            DeadlineExceeded: the time was over while more of an asynchronous iterable was awaited.
            Exception: whatever `items` raises, after the outcomes of all photos before it.
        """
        if timeout_seconds is not None:
            timeout_seconds = _usable(timeout_seconds)
        flight = Flight(self._stub.SearchStream, in_flight=in_flight, timeout_seconds=timeout_seconds)
        async with aclosing(flight.outcomes(items)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def catalog(self, *, timeout_seconds: float = _DEFAULT_TIMEOUT_SECONDS) -> Catalog:
        """Return what can be searched: all categories, the snapshot and the models.

        Args:
            timeout_seconds: the budget of the whole catalogue, which comes in pages of 1,000 categories.

        Raises:
            AisleError: a subclass, such as `Unavailable`; `InvalidArgument` when the snapshot changed between pages.
        """
        end = time.monotonic() + _usable(timeout_seconds)
        pages: list[search_pb2.GetCatalogResponse] = []
        token = ""
        while not pages or token:
            request = search_pb2.GetCatalogRequest(page_size=_CATALOG_PAGE_SIZE, page_token=token)
            pages.append(await _answer(self._stub.GetCatalog, request, max(0.0, end - time.monotonic())))
            token = pages[-1].next_page_token
        return from_catalog_pages(pages)

    async def status(self, *, timeout_seconds: float = _STATUS_SECONDS) -> GatewayStatus:
        """Return what the gateway sees behind it; of several gateways, what the next one sees.

        Args:
            timeout_seconds: the budget; searchers get a second of it to say what they serve.

        Raises:
            PermissionDenied, Unauthenticated: the caller may not operate.
            AisleError: a subclass, such as `Unavailable`.
        """
        timeout_seconds = _usable(timeout_seconds)
        return from_status(await _answer(self._operator.GetStatus, operator_pb2.GetStatusRequest(), timeout_seconds))

    async def health(self, *, timeout_seconds: float = 1.0) -> Health:
        """Return whether the gateway would take a photo now; never raises for what it finds."""
        request = health_pb2.HealthCheckRequest(service=_SERVICE)
        timeout_seconds = _usable(timeout_seconds)
        try:
            response = await self._health.Check(request, timeout=timeout_seconds)
        except grpc.aio.AioRpcError as error:
            return Health.NOT_SERVING if error.code() is grpc.StatusCode.NOT_FOUND else Health.UNREACHABLE
        if response is None:  # bytes that are no message: whoever answers there is no gateway
            return Health.UNREACHABLE
        return Health.SERVING if response.status == health_pb2.HealthCheckResponse.SERVING else Health.NOT_SERVING


def _usable(timeout_seconds: float) -> float:
    """Return a timeout as gRPC can take it: of a much longer one it makes a moment in the past."""
    if not timeout_seconds <= _MOST_SECONDS:
        raise InvalidArgument(
            f"timeout_seconds is at most {_MOST_SECONDS:,.0f}, not {timeout_seconds:,}", field="timeout_seconds"
        )
    return max(0.0, timeout_seconds)


def _fit(request_id: str | None) -> str:
    """Return the id of a request, a new one by default; the gateway would put another in the place of an unfit one."""
    if request_id is not None and not is_sound_id(request_id):
        raise InvalidArgument(
            f"request_id is 1 to 128 letters, digits and ._:/+=-, not {request_id!r}", field="request_id"
        )
    return request_id_of(request_id)


async def _answer(method: Any, request: Any, timeout_seconds: float, request_id: str | None = None) -> Any:
    request_id = request_id or request_id_of(None)
    try:
        answer = await method(request, timeout=timeout_seconds, metadata=((REQUEST_ID, request_id),))
        return received(answer, "the gateway")
    except (grpc.aio.AioRpcError, Internal) as error:
        failed = error if isinstance(error, Internal) else from_failure(failure_of(error))
        raise from_error(failed, request_id) from None
