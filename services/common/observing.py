"""The outermost server interceptor: every call gets an id, is timed, counted, and has one line in the log."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final, Protocol

import grpc
import grpc.aio

from services.common.health import is_health_check
from services.common.request_log import RequestLog
from services.common.requests import REQUEST_ID, Request, request_id_of
from services.common.security.guard import GuardRecord

Context = grpc.aio.ServicerContext[Any, Any]
Handler = Any  # grpc.RpcMethodHandler, which is generic in its stubs only

_UNLOGGED: Final = RequestLog("none")


class CallRecord(GuardRecord, Protocol):
    """Hears of every call, and of what the guard before it hears of."""

    def called(self, method: str, code: str, seconds: float) -> None:
        """Count a call.

        Args:
            method: its name, without the service's.
            code: name of the status code that it ended with.
            seconds: what it took.
        """
        ...


class ObservingInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in its stubs only
    """Watches all calls but health checks from outside of all other interceptors: what these refuse is seen, too.

    It takes methods as `services.common.interceptors.ErrorInterceptor` gives them: all of them read a stream.
    """

    def __init__(
        self,
        record: CallRecord | None = None,
        log: RequestLog = _UNLOGGED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create the interceptor.

        Args:
            record: hears of every call; None when nobody would read it.
            log: writes the lines.
            clock: seconds, monotonic.
        """
        self._record = record
        self._log = log
        self._clock = clock

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
        if handler.stream_unary is not None:
            wrap, observed = grpc.stream_unary_rpc_method_handler, self._unary(method, handler.stream_unary)
        else:
            wrap, observed = grpc.stream_stream_rpc_method_handler, self._stream(method, handler.stream_stream)
        return wrap(observed, handler.request_deserializer, handler.response_serializer)

    def _unary(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def observed(requests: AsyncIterator[Any], context: Context) -> Any:
            with self._observed(method, context):
                return await handle(requests, context)

        return observed

    def _stream(self, method: str, handle: Callable[..., Any]) -> Callable[..., Any]:
        async def observed(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            with self._observed(method, context):
                async with aclosing(handle(requests, context)) as responses:
                    async for response in responses:
                        yield response

        return observed

    @contextmanager
    def _observed(self, method: str, context: Context) -> Iterator[None]:
        metadata = context.invocation_metadata() or ()
        sent = next((value for key, value in metadata if key == REQUEST_ID and isinstance(value, str)), None)
        name = method.rpartition("/")[2]
        request = Request(request_id_of(sent), name, self._clock, self._call_ended, self._log.write)
        context.set_trailing_metadata(((REQUEST_ID, request.id),))
        with request:
            try:
                yield
            except BaseException as error:
                if request.code == "OK":  # whoever refused it did not say why
                    request.failed(_code_of(error, context), "")
                raise

    def _call_ended(self, request: Request) -> None:
        if self._record is not None:
            self._record.called(request.method, request.code, request.seconds)
        self._log.write(request)


def _code_of(error: BaseException, context: Context) -> str:
    if not isinstance(error, grpc.aio.AbortError):
        return "UNKNOWN" if isinstance(error, Exception) else "CANCELLED"
    code = context.code()
    return code.name if isinstance(code, grpc.StatusCode) else "UNKNOWN"
