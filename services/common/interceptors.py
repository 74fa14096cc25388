"""The one server interceptor: refuses calls while not serving, and turns every exception into a rich status."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import grpc.aio

from services.common.errors import AisleError, Internal, NotServing
from services.common.status import trailing_metadata
from services.common.telemetry import get_logger

_log = get_logger()

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc.RpcMethodHandler, which is generic in its stubs only


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Guards Aisle's own methods; health and reflection pass untouched, so that probes always get an answer."""

    def __init__(self, is_serving: Callable[[], bool]) -> None:
        """Create the interceptor.

        Args:
            is_serving: whether calls may be worked on; until then they end UNAVAILABLE.
        """
        self._is_serving = is_serving

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap the handler of one of our methods."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or not method.startswith("/aisle."):
            return handler
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._guard_unary(method, handler.unary_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                self._guard_stream(method, handler.stream_stream),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        raise TypeError(f"{method}: only unary and bidirectional methods are guarded")

    def _guard_unary(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(request: Any, context: Context) -> Any:
            try:
                self._refuse_unless_serving()
                return await handle(request, context)
            except Exception as error:  # noqa: BLE001 - the edge: nothing may leave without a status
                await _abort(method, context, error)

        return guarded

    def _guard_stream(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            try:
                self._refuse_unless_serving()
                async for response in handle(requests, context):
                    yield response
            except Exception as error:  # noqa: BLE001 - the edge: nothing may leave without a status
                await _abort(method, context, error)

        return guarded

    def _refuse_unless_serving(self) -> None:
        if not self._is_serving():
            raise NotServing("this process is still loading; retry with back-off", retry_after_seconds=1.0)


def as_aisle_error(error: Exception, *, where: str) -> AisleError:
    """Return the error itself when it is ours; log a defect and return it with its reason, but without its text.

    Args:
        error: what a handler raised.
        where: method or stage, for the log.
    """
    if isinstance(error, AisleError) and not isinstance(error, Internal):
        return error
    _log.error("unexpected_error", where=where, exc_info=error)
    defect = type(error) if isinstance(error, Internal) else Internal
    return defect("internal error; the server's log has the details")


async def _abort(method: str, context: Context, error: Exception) -> None:
    if isinstance(error, grpc.aio.AbortError):
        raise error
    known = as_aisle_error(error, where=method)
    await context.abort(grpc.StatusCode[known.code], known.message, trailing_metadata(known))
