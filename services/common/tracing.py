"""Where a traced request spends its time: a span for each step, which callees' spans belong under.

Nothing here imports OpenTelemetry: most requests are not traced, and for them `span` costs a look at a variable. What
makes spans is `services.common.otlp`, loaded when a process is told where to send them.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, Protocol
from urllib.parse import urlsplit

from services.common.errors import AisleError, SettingsInvalid
from services.common.requests import Request

Metadata = Iterable[tuple[str, str | bytes]]
Attribute = str | int | float | bool


class Span(Protocol):
    """One step of a traced request, which has begun."""

    @property
    def trace_id(self) -> str:
        """The trace that it belongs to, 32 hexadecimal digits."""
        ...

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The metadata that puts a callee's spans under this one: W3C trace context."""
        ...

    def child(self, name: str, *, calls: bool) -> "Span":
        """Begin a step of this step.

        Args:
            name: what it is.
            calls: whether it is a call to another process.
        """
        ...

    def tell(self, name: str, value: Attribute) -> None:
        """Add an attribute."""
        ...

    def end(self, failure: str) -> None:
        """End it; `failure` says what went wrong, empty for nothing."""
        ...


class Tracing(Protocol):
    """Decides which requests are traced."""

    def begin(self, name: str, metadata: Metadata) -> Span | None:
        """Begin the first span of a request in this process; None when it is not traced.

        Args:
            name: of the method.
            metadata: what came with the call: when its caller traces it, so do we.
        """
        ...

    def close(self) -> None:
        """Send what was not sent yet; blocks, some seconds at most."""
        ...


_CURRENT: ContextVar[Span | None] = ContextVar("span", default=None)
_UNTRACED: Final[AbstractContextManager[None]] = nullcontext()


def span(name: str, *, calls: bool = False, **attributes: Attribute) -> AbstractContextManager[Span | None]:
    """Return a step of the current request as a context; it is None where the request is not traced.

    Args:
        name: what it is: one of few, for spans are looked for by their names.
        calls: whether it is a call to another process.
        **attributes: what else there is to know, `aisle.` before each name.
    """
    parent = _CURRENT.get()
    if parent is None:
        return _UNTRACED
    begun = parent.child(name, calls=calls)
    for key, value in attributes.items():
        begun.tell(f"aisle.{key}", value)
    return Running(begun)


class Running:
    """A span as a context: it is the parent of what begins inside, also in tasks that are made there."""

    __slots__ = ("_span", "_token")

    def __init__(self, begun: Span) -> None:
        self._span = begun
        self._token: Token[Span | None] | None = None

    def __enter__(self) -> Span:
        self._token = _CURRENT.set(self._span)
        return self._span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        assert self._token is not None
        with suppress(ValueError):  # a stream that its caller left is closed by the event loop, from another context
            _CURRENT.reset(self._token)
        self._span.end("" if kind is None else _said_of(error) or kind.__name__)


def _said_of(error: BaseException | None) -> str:
    return f"{error.code} {error.reason}: {error.message}" if isinstance(error, AisleError) else str(error)


def traced(request: Request, begun: Span | None) -> AbstractContextManager[Span | None]:
    """Return a request's first span as a context, and let both know of each other; None where it is not traced."""
    if begun is None:
        return _UNTRACED
    request.trace_id = begun.trace_id
    begun.tell("aisle.request_id", request.id)
    return Running(begun)


def trace_headers(running: Span | None) -> tuple[tuple[str, str], ...] | None:
    """Return the metadata for a call made in a span, None when it is not traced."""
    return None if running is None else running.headers


def tracing_to(endpoint: str, service: str, share: float) -> Tracing | None:
    """Return what sends a process's spans to a collector; None, and nothing is imported, when there is none.

    Args:
        endpoint: the collector's URL, such as `http://collector:4317`; empty for none.
        service: the process's name.
        share: of the requests that come without a trace, in [0, 1].

    Raises:
        SettingsInvalid: it is no URL of a collector, or what sends spans is not installed.
    """
    if not endpoint:
        return None
    url = urlsplit(endpoint)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise SettingsInvalid(
            f"trace_endpoint is {endpoint!r}; give the collector's URL for OTLP over gRPC, such as http://collector:4317",
            field="trace_endpoint",
        )
    try:
        from services.common.otlp import OtlpTracing  # noqa: PLC0415 - an extra, and only who traces pays for it
    except ImportError as missing:
        raise SettingsInvalid(
            f"trace_endpoint is set, but {missing.name} is not installed: pip install '.[telemetry]' in a checkout, or "
            "leave it empty",
            field="trace_endpoint",
        ) from None
    return OtlpTracing(service, endpoint, share)
