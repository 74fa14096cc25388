"""The outermost server interceptor: every call gets an id, is timed, counted, and has one line in the log."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

import grpc
import grpc.aio

from services.common.health import is_health_check
from services.common.request_log import RequestLog
from services.common.requests import REQUEST_ID, Request, request_id_of
from services.common.security.guard import GuardRecord
from services.common.surrounding import Context, Handler, within

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
    """Watches all calls but health checks from outside of all other interceptors: what these refuse is seen, too."""

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
        return within(handler, lambda context: self._observed(method, context))

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
