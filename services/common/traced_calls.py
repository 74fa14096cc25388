"""The innermost server interceptor: begins the first span of each call, once it was let in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, aclosing
from typing import Any

import grpc
import grpc.aio

from services.common.health import is_health_check
from services.common.requests import current_request
from services.common.tracing import Span, Tracing, traced

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc.RpcMethodHandler, which is generic in its stubs only


class TracingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Traces all calls but health checks.

    A caller may say that it traces a call, and under which trace. Whoever could say that without being let in would
    have as many spans made as it likes, in whosever trace. `services.common.observing` has to be around it.
    """

    def __init__(self, tracing: Tracing) -> None:
        """Create the interceptor; `tracing` decides what is traced."""
        self._tracing = tracing

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap a method's handler."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if handler is None or is_health_check(method):
            return handler
        if handler.unary_unary is not None:
            wrap, in_span = grpc.unary_unary_rpc_method_handler, self._unary(method, handler.unary_unary)
        else:
            wrap, in_span = grpc.stream_stream_rpc_method_handler, self._stream(method, handler.stream_stream)
        return wrap(in_span, handler.request_deserializer, handler.response_serializer)

    def _unary(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def in_span(request: Any, context: Context) -> Any:
            with self._span(method, context):
                return await handle(request, context)

        return in_span

    def _stream(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def in_span(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            with self._span(method, context):
                async with aclosing(handle(requests, context)) as responses:
                    async for response in responses:
                        yield response

        return in_span

    def _span(self, method: str, context: Context) -> AbstractContextManager[Span | None]:
        request = current_request()
        assert request is not None
        return traced(request, self._tracing.begin(method.lstrip("/"), context.invocation_metadata() or ()))
