"""The server interceptor that refuses calls, unread, and turns every exception into a rich status."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import grpc
import grpc.aio

from services.common.errors import AisleError, Internal, InvalidArgument, NotServing, Unimplemented
from services.common.health import is_health_check
from services.common.parsing import tolerant
from services.common.requests import current_request, remark
from services.common.security.gatekeeper import Gatekeeper
from services.common.status import trailing_metadata, wire_text
from services.common.telemetry import get_logger

_log = get_logger()

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc.RpcMethodHandler, which is generic in its stubs only

_UNKNOWN: Final = "unknown"
"""What a method that is not here is called in metrics: its name is whatever the caller likes."""
_MOST_NAME: Final = 128
_GOING_SECONDS: Final = 0.1
"""Of a caller that goes while it sends gRPC says first that nothing more comes, and in this time that it has gone."""


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Guards all methods, and those that are not here, but for health checks: probes always get an answer."""

    def __init__(self, is_serving: Callable[[], bool], gatekeeper: Gatekeeper | None = None) -> None:
        """Create the interceptor.

        Args:
            is_serving: whether calls may be worked on; until then they end UNAVAILABLE.
            gatekeeper: asks who calls; None to let anybody in.
        """
        self._is_serving = is_serving
        self._gatekeeper = gatekeeper

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Wrap a method's handler."""
        handler = await continuation(handler_call_details)
        method: str = handler_call_details.method
        if is_health_check(method):
            return handler
        if handler is None:
            return grpc.stream_unary_rpc_method_handler(self._refuse_unknown(method))
        if handler.unary_unary is not None:
            # To gRPC it takes a stream: of that, messages are read when they are asked for. Of a method with one
            # message it has that in memory before we are asked who calls, up to 24 MB of whoever reaches the port.
            return grpc.stream_unary_rpc_method_handler(
                self._guard_unary(method, handler.unary_unary),
                request_deserializer=tolerant(method, handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        if handler.stream_stream is not None:
            return grpc.stream_stream_rpc_method_handler(
                self._guard_stream(method, handler.stream_stream),
                request_deserializer=tolerant(method, handler.request_deserializer),
                response_serializer=handler.response_serializer,
            )
        raise TypeError(f"{method}: only unary and bidirectional methods are guarded")

    def _guard_unary(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(_: AsyncIterator[Any], context: Context) -> Any:
            try:
                self._admit(method, context, is_stream=False)
                return await handle(await _only_message(context), context)
            except Exception as error:  # noqa: BLE001 - the edge: nothing may leave without a status
                await _abort(method, context, error)

        return guarded

    def _guard_stream(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def guarded(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            try:
                self._admit(method, context, is_stream=True)
                requests = _all_well_formed(requests)
                if self._gatekeeper is not None:
                    requests = self._gatekeeper.paced(method, context, requests)
                # A caller that goes away leaves this generator at its yield: without aclosing the handler's generator
                # would hold what it holds until garbage is collected.
                async with aclosing(handle(requests, context)) as responses:
                    async for response in responses:
                        yield response
            except Exception as error:  # noqa: BLE001 - the edge: nothing may leave without a status
                await _abort(method, context, error)

        return guarded

    def _refuse_unknown(self, method: str) -> Callable[..., Any]:
        """Return what ends calls of a method that is not here; who looks for one is asked who it is, as for any."""

        async def refused(_: AsyncIterator[Any], context: Context) -> None:
            request = current_request()
            if request is not None:
                request.method = _UNKNOWN
                request.facts["asked"] = method[:_MOST_NAME]
            try:
                self._admit(method, context, is_stream=False)
            except Exception as error:  # noqa: BLE001 - as above
                await _abort(method, context, error)
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"there is no method {method[:_MOST_NAME]} here")

        return refused

    def _admit(self, method: str, context: Context, *, is_stream: bool) -> None:
        """Let a call in, before anything of it is read.

        Raises:
            NotServing: nobody is let in yet.
            AisleError: from the gatekeeper.
        """
        if not self._is_serving():
            raise NotServing("this process is still loading; retry with back-off", retry_after_seconds=1.0)
        if self._gatekeeper is not None:
            self._gatekeeper.admit(method, context, is_stream=is_stream)


async def _only_message(context: Context) -> Any:
    request = await context.read()
    if request is grpc.aio.EOF:  # type: ignore[attr-defined]  # its stubs lack it
        await asyncio.sleep(_GOING_SECONDS)
        raise InvalidArgument("the call has no message; this method takes one")
    return _well_formed(request)


def _well_formed(request: Any) -> Any:
    if isinstance(request, InvalidArgument):
        raise request
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
    # A call of ours that another process does not know is no fault of whoever called us.
    if isinstance(error, AisleError) and not isinstance(error, (Internal, Unimplemented)):
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
