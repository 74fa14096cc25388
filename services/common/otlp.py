"""Spans for an OpenTelemetry collector (OTLP over gRPC). Imported only when a process is told where to send them."""

import threading
from typing import Final, Self

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, format_trace_id, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from services.common.tracing import Attribute, Metadata

_TEXT: Final = TraceContextTextMapPropagator()
_CARRIED: Final = {"traceparent": 55, "tracestate": 512}
"""What is taken of a caller's trace, and how many characters of it at most: each call that is made for the request
carries it on, and servers refuse calls whose metadata are long. Of `tracestate`, W3C asks to carry 512."""
_SEND_EVERY_MS: Final = 1_000.0
_SEND_SECONDS: Final = 2.0
_CLOSE_SECONDS: Final = 3.0
"""For what was not sent yet. OpenTelemetry itself goes on trying for up to a minute, which no pod has to end in."""


class OtlpSpan:
    """A span of OpenTelemetry, as `services.common.tracing.Span`."""

    __slots__ = ("_context", "_span", "_tracer")

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer = tracer
        self._span = span
        self._context: Context = set_span_in_context(span, Context())

    @property
    def trace_id(self) -> str:
        """The trace that it belongs to, 32 hexadecimal digits."""
        return format_trace_id(self._span.get_span_context().trace_id)

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The metadata that puts a callee's spans under this one."""
        carrier: dict[str, str] = {}
        _TEXT.inject(carrier, self._context)
        return tuple(carrier.items())

    def child(self, name: str, *, calls: bool) -> Self:
        """Begin a step of this step."""
        kind = SpanKind.CLIENT if calls else SpanKind.INTERNAL
        return type(self)(self._tracer, self._tracer.start_span(name, context=self._context, kind=kind))

    def tell(self, name: str, value: Attribute) -> None:
        """Add an attribute."""
        self._span.set_attribute(name, value)

    def end(self, failure: str) -> None:
        """End it; `failure` says what went wrong, empty for nothing."""
        if failure:
            self._span.set_status(Status(StatusCode.ERROR, failure))
        self._span.end()


class OtlpTracing:
    """Traces what callers trace, and a share of what comes without a trace; sends in the background, in batches.

    A collector that is away costs spans and nothing else: the queue is bounded, and requests never wait for it.
    """

    def __init__(self, service: str, endpoint: str, share: float) -> None:
        """Create it; nothing is sent before the first span ends.

        Args:
            service: the process's name, in every span.
            endpoint: the collector's URL, such as `http://collector:4317`; `https` for TLS.
            share: of the requests that come without a trace, in [0, 1].
        """
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(share)),
            resource=Resource.create({SERVICE_NAME: f"aisle-{service}"}),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(endpoint, timeout=_SEND_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_SEND_EVERY_MS))
        self._tracer = self._provider.get_tracer("aisle")

    def begin(self, name: str, metadata: Metadata) -> OtlpSpan | None:
        """Begin the first span of a request in this process; None when it is not traced."""
        carrier = {
            key: value for key, value in metadata if isinstance(value, str) and len(value) <= _CARRIED.get(key, 0)
        }
        parent = _TEXT.extract(carrier, Context())
        begun = self._tracer.start_span(name, context=parent, kind=SpanKind.SERVER)
        return OtlpSpan(self._tracer, begun) if begun.is_recording() else None

    def close(self) -> None:
        """Send what was not sent yet; blocks, some seconds at most."""
        closing = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        closing.start()
        closing.join(_CLOSE_SECONDS)
