"""The innermost server interceptor: refuses calls while not serving, and turns every exception into a rich status."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from services.common.errors import AisleError, Internal, InvalidArgument, NotServing
from services.common.requests import current_request, remark
from services.common.security.gatekeeper import Gatekeeper
from services.common.status import trailing_metadata, wire_text
from services.common.telemetry import get_logger

_log = get_logger()

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc.RpcMethodHandler, which is generic in its stubs only


def _is_ours(method: str) -> bool:
    return method.startswith("/aisle.")


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Guards Aisle's own methods; health passes untouched, so that probes always get an answer."""

    def __init__(
        self,
        is_serving: Callable[[], bool],
        gatekeeper: Gatekeeper | None = None,
        guards: Callable[[str], bool] = _is_ours,
    ) -> None:
        """Create the interceptor.

        Args:
            is_serving: whether calls may be worked on; until then they end UNAVAILABLE.
            gatekeeper: asks who calls; None to let anybody in.
            guards: whether it guards a method, given its full name.
        """
        self._is_serving = is_serving
        self._gatekeeper = gatekeeper
        self._guards = guards

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap the handler of one of our methods."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or not self._guards(method):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._guard_unary(method, handler.unary_unary),
                request_deserializer=_tolerant(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                self._guard_stream(method, handler.stream_stream),
                request_deserializer=_tolerant(handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        raise TypeError(f"{method}: only unary and bidirectional methods are guarded")

    def _guard_unary(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(request: Any, context: Context) -> Any:
            try:
                self._refuse_unless_serving()
                if self._gatekeeper is not None:
                    self._gatekeeper.admit(method, context, is_stream=False)
                return await handle(_well_formed(request), context)
            except Exception as error:  # noqa: BLE001 - the edge: nothing may leave without a status
                await _abort(method, context, error)

        return guarded

    def _guard_stream(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            try:
                self._refuse_unless_serving()
                requests = _all_well_formed(requests)
                if self._gatekeeper is not None:
                    caller = self._gatekeeper.admit(method, context, is_stream=True)
                    requests = self._gatekeeper.paced(caller, requests)
                # A caller that goes away leaves this generator at its yield: without aclosing the handler's generator
                # would hold what it holds until garbage is collected.
                async with aclosing(handle(requests, context)) as responses:
                    async for response in responses:
                        yield response
            except Exception as error:  # noqa: BLE001 - the edge: nothing may leave without a status
                await _abort(method, context, error)

        return guarded

    def _refuse_unless_serving(self) -> None:
        if not self._is_serving():
            raise NotServing("this process is still loading; retry with back-off", retry_after_seconds=1.0)


_MALFORMED = object()


def _tolerant(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Let malformed bytes through as `_MALFORMED`: gRPC itself would end the call UNKNOWN or INTERNAL."""

    def parse(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return _MALFORMED

    return parse


def _well_formed(request: Any) -> Any:
    if request is _MALFORMED:
        raise InvalidArgument("the bytes sent are no message of this method; use the stubs of its proto")
    return request


async def _all_well_formed(requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for request in requests:
        yield _well_formed(request)


def as_aisle_error(error: Exception, *, where: str) -> AisleError:
    """Return the error itself when it is ours; log a defect and return it with its reason, but without its text.

    Args:
        error: what a handler raised.
        where: method or stage, for the log.
    """
    if isinstance(error, AisleError) and not isinstance(error, Internal):
        return error
    remark(_log, "unexpected_error", level="error", defect=error, where=where)
    defect = type(error) if isinstance(error, Internal) else Internal
    return defect("internal error; the server's log has the details")


async def _abort(method: str, context: Context, error: Exception) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    known = as_aisle_error(error, where=method)
    request = current_request()
    if request is not None:
        request.failed(known.code, known.reason)
    # What was set before would be lost: gRPC sends these instead.
    trailers = (*(context.trailing_metadata() or ()), *trailing_metadata(known))
    await context.abort(grpc.StatusCode[known.code], wire_text(known), trailers)
