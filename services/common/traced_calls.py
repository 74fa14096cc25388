"""The innermost server interceptor: begins the first span of each call, once it was let in."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

import grpc
import grpc.aio

from services.common.health import is_health_check
from services.common.requests import current_request
from services.common.surrounding import Context, Handler, within
from services.common.tracing import Span, Tracing, traced


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
        return within(handler, lambda context: self._span(method, context))

    def _span(self, method: str, context: Context) -> AbstractContextManager[Span | None]:
        request = current_request()
        assert request is not None
        return traced(request, self._tracing.begin(method.lstrip("/"), context.invocation_metadata() or ()))
